"""The diffusion model against Karras et al. (2022, arXiv:2206.00364), in float64 NumPy."""

import functools
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import config

import gengap
from gengap.errors import InputError
from gengap.method import AXIS, Batch, Encoding, Kind
from gengap.methods import METHODS, common, diffusion, heun
from gengap.networks.unet import GroupNormSiLU, UNet, groups, scaled_silu
from gengap.training import loop

SHAPE = tiny.SPEC.shape
PIXELS = 64
MEAN, SPREAD = 0.2, 0.7  # of the Gaussian images of the tests
LEVELS = heun.noise_levels(18, 0.002, 80.0, 7.0)


def optimal(x, sigma, mean=MEAN, spread=SPREAD):
  """E[y | y + n = x] for images y ~ N(mean, spread^2): the denoiser that minimises the loss."""
  return (spread**2 * x + sigma**2 * mean) / (spread**2 + sigma**2)


class Optimal:
  """A network that makes the denoiser optimal for Gaussian images: equation 7, solved for F."""

  def __init__(self, sigma_data):
    self.sigma_data = sigma_data

  def apply(self, variables, scaled, noise, keys):
    sigma = jnp.exp(4 * noise)[:, None, None, None]
    x = scaled * jnp.sqrt(sigma**2 + self.sigma_data**2)
    skip = self.sigma_data**2 / (sigma**2 + self.sigma_data**2)
    out = sigma * self.sigma_data / jnp.sqrt(sigma**2 + self.sigma_data**2)
    return (optimal(x, sigma) - skip * x) / out


def model(network: Any, sigma_data=0.5, levels=LEVELS) -> Any:
  return diffusion.Diffusion(network, SHAPE, sigma_data, -1.2, 1.2, levels)


def algorithm_1(denoise, x, t):
  """Algorithm 1 for sigma(t) = t and S_churn = 0, line by line; t ends with 0."""
  evaluations = 0
  for i in range(len(t) - 1):
    d = (x - denoise(x, t[i])) / t[i]
    following, evaluations = x + (t[i + 1] - t[i]) * d, evaluations + 1
    if t[i + 1] != 0:
      again = (following - denoise(following, t[i + 1])) / t[i + 1]
      following, evaluations = x + (t[i + 1] - t[i]) * (d / 2 + again / 2), evaluations + 1
    x = following
  return x, evaluations


def test_noise_levels_are_equation_5():
  want = [(80.0 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80.0 ** (1 / 7))) ** 7 for i in range(18)]
  np.testing.assert_allclose(LEVELS, want, rtol=1e-12)
  assert diffusion.steps(35) == 18
  np.testing.assert_allclose(heun.noise_levels(3, 1.0, 5.0, 1.0), [5, 3, 1])


@pytest.mark.parametrize("unroll", [False, True])
def test_the_solver_is_algorithm_1(unroll):
  x = 80 * np.random.default_rng(0).normal(size=(3, 4))
  denoise = lambda x, sigma: jnp.tanh(x / (1 + sigma))  # noqa: E731
  want, evaluations = algorithm_1(lambda x, t: np.tanh(x / (1 + t)), x, [*LEVELS, 0.0])
  with jax.enable_x64(True):
    got = heun.generate(denoise, jnp.asarray(x), LEVELS, unroll)
  np.testing.assert_allclose(got, want, rtol=1e-9)
  assert evaluations == 35


def exact(x, from_sigma, to_sigma):
  """The solution of the ODE for Gaussian images."""
  return MEAN + (x - MEAN) * np.sqrt((SPREAD**2 + to_sigma**2) / (SPREAD**2 + from_sigma**2))


@pytest.mark.parametrize("ends", [(80.0, 0.002), (0.002, 80.0)], ids=["generate", "invert"])
def test_the_solver_is_of_second_order(ends):
  """Twice the steps make a quarter of the error, both ways."""
  first, last = ends
  x = exact(80 * np.linspace(-1, 1, 5), 80.0, first)
  errors = []
  with jax.enable_x64(True):
    for number in (64, 128, 256):
      levels = heun.noise_levels(number, 0.002, 80.0, 7.0)
      got = heun.integrate(optimal, jnp.asarray(x), levels[:: 1 if first > last else -1], unroll=False)
      errors.append(np.abs(np.asarray(got) - exact(x, first, last)).max())
  np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 4, rtol=0.1)


def test_preconditioning_and_loss_weight_are_those_of_table_1():
  sigma, data = np.array([0.002, 0.3, 1.0, 80.0]), 0.6
  with jax.enable_x64(True):
    got = diffusion.precondition(jnp.asarray(sigma), data)
    weight = diffusion.loss_weight(jnp.asarray(sigma), data)
  np.testing.assert_allclose(got.skip, data**2 / (sigma**2 + data**2), rtol=1e-12)
  np.testing.assert_allclose(got.out, sigma * data / np.sqrt(data**2 + sigma**2), rtol=1e-12)
  np.testing.assert_allclose(got.inp, 1 / np.sqrt(sigma**2 + data**2), rtol=1e-12)
  np.testing.assert_allclose(got.noise, 0.25 * np.log(sigma), rtol=1e-12)
  np.testing.assert_allclose(weight, 1 / np.asarray(got.out) ** 2, rtol=1e-12)


def losses(m, params, image, keys):
  """The loss and the numbers to log, on one device."""
  batch = Batch(image, jnp.zeros(len(image), jnp.int32))

  def once(_):
    value, (_, seen) = m.loss(params, {diffusion.PLAYER: {}}, batch, keys, jnp.int32(0))
    return {"loss": value} | seen

  return jax.jit(jax.vmap(once, axis_name=AXIS, out_axes=None))(jnp.arange(1))


def test_the_loss_is_equation_8():
  """With a network that is a nonlinear function of its inputs; sigma and noise are those of the keys."""

  class Network:
    def apply(self, variables, x, noise, keys):
      return variables["params"] * jnp.sin(x) + noise[:, None, None, None]

  rng, n = np.random.default_rng(0), 30
  y, keys = rng.uniform(-1, 1, (n, *SHAPE)), jax.random.split(jax.random.key(0), n)
  with jax.enable_x64(True):
    seen = jax.device_get(losses(model(Network(), 0.6), 1.7, jnp.asarray(y), keys))
    of_sigma, of_noise, _ = common.split(keys, 3)
    standard = np.asarray(common.normal(of_sigma, 1))[:, 0]
    noise = np.asarray(common.normal(of_noise, PIXELS)).reshape(y.shape)
  sigma = np.exp(-1.2 + 1.2 * standard)[:, None, None, None]
  x = y + sigma * noise
  f = 1.7 * np.sin(x / np.sqrt(sigma**2 + 0.36)) + np.log(sigma) / 4
  d = 0.36 / (sigma**2 + 0.36) * x + sigma * 0.6 / np.sqrt(sigma**2 + 0.36) * f
  error = ((d - y) ** 2).mean((1, 2, 3))
  weight = ((sigma**2 + 0.36) / (0.6 * sigma) ** 2)[:, 0, 0, 0]
  assert seen["loss"] == pytest.approx(np.mean(weight * error))
  bounds = [-np.inf, -0.4307272993, 0.4307272993, np.inf]  # a third of a standard normal distribution each
  for name, low, high in zip(diffusion.THIRDS, bounds[:-1], bounds[1:], strict=True):
    inside = (low <= standard) & (standard < high)
    assert inside.any()
    assert seen[f"error_{name}"] == pytest.approx(3 * np.sum(error[inside]) / n), name


def test_the_loss_starts_at_one_and_no_network_beats_the_optimal_one():
  """F = 0 is optimal for images of N(0, sigma_data^2), and the loss is the variance of the target of F."""

  class Zero:
    def apply(self, variables, x, noise, keys):
      return jnp.zeros_like(x)

  n = 500
  keys = jax.random.split(jax.random.key(0), n)
  image = jax.random.normal(jax.random.key(1), (n, *SHAPE))
  assert losses(model(Zero()), {}, 0.5 * image, keys)["loss"] == pytest.approx(1, abs=0.02)
  image = MEAN + SPREAD * image
  best = losses(model(Optimal(0.5)), {}, image, keys)["loss"]
  assert losses(model(Zero()), {}, image, keys)["loss"] > best
  for other in (0.9, 1.1):  # scaled away from the optimum, either way
    worse = lambda *args, by=other: by * Optimal(0.5).apply(*args)  # noqa: E731
    assert losses(model(type("Worse", (), {"apply": staticmethod(worse)})()), {}, image, keys)["loss"] > best


def test_one_image_has_finite_numbers():
  """Two thirds of the noise levels are empty."""
  seen = losses(model(Optimal(0.5)), {}, jnp.zeros((1, *SHAPE)), jax.random.split(jax.random.key(0), 1))
  assert all(np.isfinite(x) for x in seen.values())
  assert sorted(float(seen[f"error_{name}"]) > 0 for name in diffusion.THIRDS) == [False, False, True]


def test_images_and_codes_of_gaussian_images_are_known_in_closed_form():
  """Latents of N(0, 1) become images of N(MEAN, SPREAD^2), and back."""
  m = model(Optimal(0.5), levels=heun.noise_levels(100, 0.002, 80.0, 7.0))
  z = np.random.default_rng(0).normal(size=(4, PIXELS)).astype(np.float32)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(diffusion, "unrolled", lambda: False)
    images = np.asarray(m.generate({diffusion.PLAYER: {}}, z, None)).reshape(4, -1)
    want = exact(80 * z, 80.0, 0.0)
    np.testing.assert_allclose(images, np.clip(want, -1, 1), atol=2e-3)
    inside = np.clip(want, -1, 1).reshape(4, *SHAPE)
    code = m.code({diffusion.PLAYER: {}}, jnp.asarray(inside))
    again = m.generate({diffusion.PLAYER: {}}, code, None)
  np.testing.assert_allclose(again, inside, atol=2e-3)
  there = np.abs(want) < 1
  np.testing.assert_allclose(np.asarray(code)[there], z[there], atol=5e-3)


def test_a_run_generates_encodes_and_reconstructs(tmp_path):
  """Resumed at step 2 it ends as without interruption; before training it is the denoiser of N(0, 1/4)."""
  fields = dict(steps=4, best="valid/denoiser/loss", log_every=2)
  fields |= dict(sample_every=2, eval_every=2, checkpoint_every=2)
  whole = loop.train(config("diffusion", **fields), tmp_path / "whole")
  shutil.copytree(tmp_path / "whole", tmp_path / "parts")
  shutil.rmtree(tmp_path / "parts" / "checkpoints" / "4")
  tiny.assert_identical(loop.train(config("diffusion", **fields), tmp_path / "parts"), whole)
  run = gengap.load(tmp_path / "whole", 0)
  assert (run.method.kind, run.method.encodes, run.method.latent_dim) == (
    Kind.DIFFUSION,
    Encoding.CODE,
    PIXELS,
  )
  z = jax.random.normal(jax.random.key(0), (3, PIXELS))
  images = run.sample(jax.random.key(0), 3)
  assert images.shape == (3, *SHAPE)
  code = run.represent("code", images)
  assert code.shape == (3, PIXELS)
  np.testing.assert_allclose(run.reconstruct(images), run.generate(code), atol=1e-6)
  # Two steps of the solver from 80 to 0: here they are a line through the origin.
  t = [80.0, 0.002, 0.0]
  want = algorithm_1(lambda x, t: x / (1 + 4 * t**2), 80 * np.asarray(z, np.float64), t)[0]
  np.testing.assert_allclose(run.generate(z).reshape(3, -1), np.clip(want, -1, 1), atol=1e-4)


@pytest.mark.parametrize(
  ("args", "word"),
  [
    ({"network_evaluations": 4}, "network_evaluations is 4; .* such as 5"),
    ({"network_evaluations": 1}, "network_evaluations is 1; .* such as 3"),
    ({"sigma_min": 0.0}, "sigma_min is 0"),
    ({"sigma_max": 0.001}, "sigma_max is 0.001; it must be above sigma_min, which is 0.002"),
    ({"rho": 0.0}, "rho is 0"),
    ({"p_std": 0.0}, "p_std is 0"),
    ({"p_mean": float("nan")}, "p_mean is nan"),
    ({"sigma_data": -1.0}, "sigma_data is -1"),
    ({"width": 0}, "width is 0"),
    ({"dropout": 1.0}, "dropout is 1"),
    ({"blocks": 0}, "blocks is 0"),
    ({"multipliers": (1, 0)}, "multipliers has 0"),
    ({"multipliers": ()}, "multipliers is empty"),
    ({"learning_rate": 0.0}, "learning_rate is 0"),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=f"config.method_args.{word}"):
    METHODS["diffusion"](tiny.SPEC, **args)


def test_images_that_cannot_be_halved_are_refused():
  with pytest.raises(InputError, match=r"image_size: 30x30 cannot be halved 2 times, as 3 .*multipliers"):
    METHODS["diffusion"](tiny.SPEC._replace(shape=(30, 30, 1)))


@pytest.mark.parametrize(
  ("size", "channels", "width", "multipliers"),
  [(28, 1, 5, (1, 2, 2)), (32, 3, 8, (1, 2, 2, 2)), (64, 3, 4, (1, 2))],
)
def test_shapes_and_dtypes_of_the_network(size, channels, width, multipliers):
  """Odd widths too; its output is 0 before training."""
  net = UNet(width, multipliers, dtype="bfloat16")
  x = jnp.zeros((2, size, size, channels))
  y, variables = jax.eval_shape(functools.partial(net.init_with_output, jax.random.key(0)), x, x[:, 0, 0, 0])
  assert (y.shape, y.dtype) == (x.shape, jnp.float32)
  assert {p.dtype for p in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


@pytest.fixture(scope="module")
def network():
  """A small network with weights that are nowhere near zero, and its inputs."""
  net: Any = UNet(8, (1, 2), dropout=0.5)
  x, noise = jax.random.normal(jax.random.key(0), (2, *SHAPE)), jnp.array([-1.0, 0.5])
  variables = jax.jit(net.init)(jax.random.key(1), x, noise)
  assert not np.any(jax.jit(net.apply)(variables, x, noise))
  leaves, tree = jax.tree.flatten(variables)
  keys = jax.random.split(jax.random.key(2), len(leaves))
  leaves = [v + 0.2 * jax.random.normal(key, v.shape) for key, v in zip(keys, leaves, strict=True)]
  return net, jax.tree.unflatten(tree, leaves), x, noise


def test_the_network_sees_the_whole_image_and_the_noise_level_of_each(network):
  net, variables, x, noise = network
  apply = jax.jit(net.apply)
  y = apply(variables, x, noise)
  moved = np.abs(apply(variables, x.at[0, 0, 0].add(1.0), noise) - y)
  assert moved[0, -1, -1] > 1e-5
  assert not np.any(moved[1])
  moved = np.abs(apply(variables, x, noise.at[1].add(0.3)) - y)
  assert moved[1].max() > 1e-3
  assert not np.any(moved[0])
  keys = jax.random.split(jax.random.key(3), 2)
  assert np.abs(apply(variables, x, noise, keys) - y).max() > 1e-3


@pytest.mark.parametrize(("channels", "number"), [(256, 32), (32, 8), (5, 1), (10, 2), (1, 1)])
def test_group_normalisation(channels, number):
  """With SiLU, against NumPy in float64, with its scale and shift, and those of the noise level."""
  assert groups(channels) == number
  rng = np.random.default_rng(0)
  x = rng.normal(2.0, 3.0, (2, 3, 4, channels))
  scale, bias, modulation = (
    rng.normal(size=channels),
    rng.normal(size=channels),
    rng.normal(size=(2, 2 * channels)),
  )
  grouped = x.reshape(2, 12, number, -1)
  centred = grouped - grouped.mean((1, 3), keepdims=True)
  want = (centred / np.sqrt(grouped.var((1, 3), keepdims=True) + 1e-5)).reshape(x.shape) * scale + bias
  params = {"params": {"scale": jnp.float32(scale), "bias": jnp.float32(bias)}}
  norm: Any = GroupNormSiLU()
  silu = lambda u: u / (1 + np.exp(-u))  # noqa: E731
  np.testing.assert_allclose(norm.apply(params, jnp.float32(x)), silu(want), atol=1e-4)
  s, t = np.split(modulation[:, None, None], 2, -1)
  got = norm.apply(params, jnp.float32(x), jnp.float32(modulation))
  np.testing.assert_allclose(got, silu(want * (1 + s) + t), atol=1e-4)


def test_the_gradient_of_scaled_silu_is_the_derivative():
  rng = np.random.default_rng(0)
  x, scale, shift, g = (rng.normal(size=size) for size in ((2, 3, 4, 5), (2, 5), (2, 5), (2, 3, 4, 5)))

  def plain(x, scale, shift):
    return jax.nn.silu(x * scale[:, None, None] + shift[:, None, None])

  with jax.enable_x64(True):
    got, want = (jax.vjp(f, x, scale, shift)[1](jnp.asarray(g)) for f in (scaled_silu, plain))
  for a, b in zip(got, want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
