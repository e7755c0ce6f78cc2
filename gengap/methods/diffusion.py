"""A diffusion model (Karras et al. 2022, arXiv:2206.00364, "EDM").

A network learns D(y + n; sigma), the expected image y given y + n, with noise n of standard deviation sigma.
An ODE that D defines (see `heun`) leads from noise of the largest sigma to images. So a latent is as large as
an image. The player `denoiser` logs, besides its loss,

  error_low, error_middle, error_high   squared error of a pixel, in the lowest, middle and highest third of
                                        the noise levels of training

Each is the mean over the batch of three times the error of the images in its third, 0 for others: an unbiased
estimate of the third's mean for any batch size.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from gengap.errors import InputError
from gengap.method import Array, Batch, Encoding, Key, Keys, Kind, Method, Nets, Params, Spec, Turn
from gengap.methods import common, heun
from gengap.networks import convolution
from gengap.networks.unet import UNet, check_sides

PLAYER = "denoiser"
THIRDS = ("low", "middle", "high")


class Preconditioning(NamedTuple):
  """D(x; sigma) = skip x + out F(inp x; noise), with F the network (equation 7; table 1, last column)."""

  skip: Array
  out: Array
  inp: Array
  noise: Array


def precondition(sigma: Array, sigma_data: float) -> Preconditioning:
  """Returns the coefficients at noise levels [...]: with them, input and target of F have unit variance."""
  total = sigma**2 + sigma_data**2
  return Preconditioning(
    skip=sigma_data**2 / total,
    out=sigma * sigma_data / jnp.sqrt(total),
    inp=1 / jnp.sqrt(total),
    noise=jnp.log(sigma) / 4,
  )


def loss_weight(sigma: Array, sigma_data: float) -> Array:
  """Returns lambda(sigma), which makes the loss 1 at all noise levels where F = 0 (table 1, last column)."""
  return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


class Diffusion(NamedTuple):
  """A denoiser, the noise that it learns from, and the noise levels of the ODE."""

  network: Any  # (x [B, H, W, C], number of the noise level [B], keys) -> F [B, H, W, C]
  shape: tuple[int, int, int]
  sigma_data: float
  p_mean: float
  p_std: float
  levels: np.ndarray  # of the ODE, from the largest on

  def init(self, key: Key, batch: Batch) -> Nets:
    """Returns the player's variables."""
    return {PLAYER: self.network.init(key, batch.image, jnp.zeros(len(batch.image)))}

  def denoise(self, variables: Any, x: Array, sigma: Array, keys: Keys | None = None) -> Array:
    """Returns D(x; sigma) of noisy images [B, H, W, C] at noise levels [] or [B]; dropout needs keys."""
    sigma = jnp.broadcast_to(sigma, len(x))
    skip, out, inp, noise = precondition(sigma, self.sigma_data)
    numbers = self.network.apply(variables, inp[:, None, None, None] * x, noise, keys)
    return skip[:, None, None, None] * x + out[:, None, None, None] * numbers

  def loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """E lambda(sigma) |D(y + n; sigma) - y|^2, the mean over pixels, with ln sigma ~ N(P_mean, P_std^2)."""
    del step
    of_sigma, of_noise, of_dropout = common.split(keys, 3)
    standard = common.normal(of_sigma, 1)[:, 0]
    sigma = jnp.exp(self.p_mean + self.p_std * standard)
    y = batch.image
    n = sigma[:, None, None, None] * common.normal(of_noise, math.prod(self.shape)).reshape(y.shape)
    variables = nets[PLAYER] | {"params": params}
    error = jnp.mean((self.denoise(variables, y + n, sigma, of_dropout) - y) ** 2, (1, 2, 3))
    third = jnp.digitize(standard, jnp.asarray(ndtri([1 / 3, 2 / 3]), standard.dtype))
    errors = {f"error_{name}": jnp.mean(3 * error * (third == i)) for i, name in enumerate(THIRDS)}
    return jnp.mean(loss_weight(sigma, self.sigma_data) * error), ({PLAYER: {}}, errors)

  def generate(self, nets: Nets, z: Array, label: Array) -> Array:
    """Returns the images [B, H, W, C] of latents [B, H * W * C], which are noise of level 1."""
    del label
    x = float(self.levels[0]) * z.reshape(-1, *self.shape)
    return common.clip_to_image(heun.generate(self.denoiser(nets), x, self.levels, unrolled()))

  def code(self, nets: Nets, image: Array) -> Array:
    """Returns the latents [B, H * W * C] whose images these are, up to the error of the solver."""
    x = heun.invert(self.denoiser(nets), image, self.levels, unrolled())
    return (x / float(self.levels[0])).reshape(len(x), -1)

  def denoiser(self, nets: Nets) -> heun.Denoiser:
    """Returns D of these weights, without dropout."""
    return lambda x, sigma: self.denoise(nets[PLAYER], x, sigma)


def unrolled() -> bool:
  """Whether the solver's loop is written out: XLA's CPU backend is slow at convolutions inside loops."""
  return not convolution.stock()


def steps(network_evaluations: int) -> int:
  """Returns the N of 2 N - 1 network evaluations.

  Raises:
    InputError: no N above 1 makes so many.
  """
  if network_evaluations < 3 or network_evaluations % 2 == 0:
    nearest = max(3, network_evaluations + 1)
    raise InputError(
      f"config.method_args.network_evaluations is {network_evaluations}; it must be 2 N - 1 for N steps, an "
      f"odd number of at least 3, such as {nearest}"
    )
  return (network_evaluations + 1) // 2


def build(
  spec: Spec,
  width: int = 32,
  multipliers: Sequence[int] = (1, 2, 2),
  blocks: int = 1,
  attention: bool = True,
  dropout: float = 0.0,
  sigma_data: float = 0.5,
  p_mean: float = -1.2,
  p_std: float = 1.2,
  network_evaluations: int = 35,
  sigma_min: float = 0.002,
  sigma_max: float = 80.0,
  rho: float = 7.0,
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a diffusion model.

  Args:
    spec: of the data.
    width: channels of the U-Net at the image's size.
    multipliers: of the width, for each level of the U-Net, whose side is half that of the level before.
    blocks: residual blocks of a level, on the way down and again on the way up.
    attention: whether the smallest map has self-attention.
    dropout: rate in the residual blocks.
    sigma_data: standard deviation of a pixel of the data, in [-1, 1], as the preconditioning takes it.
    p_mean: mean of ln sigma in training.
    p_std: standard deviation of ln sigma in training.
    network_evaluations: of one image, 2 N - 1 for N noise levels (equation 5); also of its code.
    sigma_min: the smallest noise level.
    sigma_max: the largest noise level, which latents are multiplied by.
    rho: how much closer together the small noise levels are; 1 spaces all equally.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 disables clipping.

  Raises:
    InputError: a value outside its range, or images that cannot be halved so often.
  """
  positive = dict(sigma_data=sigma_data, p_std=p_std, sigma_min=sigma_min, rho=rho)
  common.positive(width=width, **positive)
  common.rate(dropout=dropout)
  common.whole(blocks=blocks)
  common.counts("multipliers", multipliers, least=1)
  if not multipliers:
    raise InputError("config.method_args.multipliers is empty; it needs one number per level of the network")
  check_sides(spec.shape, len(multipliers))
  if not math.isfinite(p_mean):
    raise InputError(f"config.method_args.p_mean is {p_mean}; it must be a finite number")
  if not sigma_min < sigma_max < math.inf:
    raise InputError(
      f"config.method_args.sigma_max is {sigma_max}; it must be above sigma_min, which is {sigma_min}"
    )
  model = Diffusion(
    UNet(width, tuple(multipliers), blocks, attention, dropout, spec.dtype),
    spec.shape,
    sigma_data,
    p_mean,
    p_std,
    heun.noise_levels(steps(network_evaluations), sigma_min, sigma_max, rho),
  )
  return Method(
    latent_dim=math.prod(spec.shape),
    init=model.init,
    turns=(Turn(PLAYER, model.loss, common.adam(learning_rate, b1, b2, clip_norm=clip_norm)),),
    generate=model.generate,
    represent={"code": model.code},
    kind=Kind.DIFFUSION,
    encodes=Encoding.CODE,
  )
