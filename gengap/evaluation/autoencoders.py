"""Diagnostics of an autoencoder: rate, distortion, likelihood, and the quality of its encoder.

Each function takes a run, a key and images [n, H, W, C] in [-1, 1], and returns numbers by name. Unless the
function says otherwise they are in nats per image, with all constants and beta 1. A name that ends in
`_error` is that of a standard error over images. `observes` says what a likelihood is of: images or bits.
"""

import functools
import math
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gengap.data import Dataset
from gengap.data.scale import to_float
from gengap.data.subset import stratified
from gengap.errors import InputError
from gengap.evaluation.images import load_as_seen
from gengap.method import Array, Density, Key
from gengap.methods import kl
from gengap.metrics import aggregate, auroc
from gengap.run import CHUNK, Run, chunked

Numbers: TypeAlias = dict[str, Any]
Images: TypeAlias = Array | np.ndarray


def test_data(run: Run, dataset: str = "") -> Dataset:
  """Returns the test images of the run's data set, or of another one in the run's size and channels.

  Raises:
    InputError: the data set is missing.
  """
  return load_as_seen(run, dataset, "test")


def test_images(run: Run, num_images: int, seed: int, dataset: str = "") -> np.ndarray:
  """Returns images of `test_data`, drawn by a seed; classes keep their shares: [n, H, W, C] in [-1, 1].

  Raises:
    InputError: the data set is missing, or has fewer images.
  """
  found = test_data(run, dataset)
  there = len(found.image)
  if not 1 < num_images <= there:
    raise InputError(
      f"num_images is {num_images}; it must be from 2 to {there}, the test images of "
      f"{dataset or run.config.dataset}"
    )
  return to_float(found.image[stratified(found.label, num_images, seed)])


def mean_and_error(name: str, values: Any) -> Numbers:
  """Returns the mean of values [n] and its standard error."""
  values = np.asarray(values, np.float64)
  return {name: float(values.mean()), f"{name}_error": float(values.std(ddof=1) / math.sqrt(len(values)))}


def observe(run: Run, key: Key, images: Images) -> Array:
  """Returns what the run models: the images, or their bits."""
  return run.density().target(run.checked(images), jax.random.split(key, len(images)))


def elbo_terms(run: Run, key: Key, x: Array, draws: int) -> tuple[Any, Any, Any]:
  """Returns log p(x | z) and log p(z) - log q(z | x), means over draws [n], and z of the last draw [n, D]."""
  once = functools.partial(jax.jit(run.density().elbo_terms), run.nets)
  drawn = [chunked(once, x, keys) for keys in jax.random.split(key, (draws, len(x)))]
  log_p, log_ratio, _ = (np.mean(values, 0) for values in zip(*drawn, strict=True))
  return log_p, log_ratio, np.asarray(drawn[-1][2])


def posterior(run: Run, key: Key, images: Images, draws: int = 8) -> Numbers:
  """Returns rate, distortion, ELBO, active units, KL of each latent, and moments of the aggregate posterior.

  The KL of each latent is that of a Gaussian q(z | x); for other posteriors it is left out. So are the active
  units of a method whose codes have no mean.
  """
  bits, noise = jax.random.split(key)
  x = observe(run, bits, images)
  log_p, log_ratio, z = elbo_terms(run, noise, x, draws)
  terms = {"elbo": log_p + log_ratio, "distortion": -log_p, "rate": -log_ratio}
  found: Numbers = {"observes": run.density().observes.value}
  for name, values in terms.items():
    found |= mean_and_error(name, values)
  found["bits_per_dimension"] = float(run.density().bits(found["elbo"]))
  mean = run.represent("mean", images) if "mean" in run.method.represent else None
  if of_x := run.density().posterior:
    mean, log_std = chunked(functools.partial(jax.jit(of_x), run.nets), x)
    units = np.asarray(kl.to_prior(mean, log_std).mean(0), np.float64)
    found["kl_per_unit"] = np.sort(units)[::-1].round(4).tolist()
  found["latents"] = z.shape[1]
  if mean is not None:
    found["active_units"] = int(kl.active_units(mean))
  if len(z) > z.shape[1]:
    found["aggregate"] = aggregate(z)
  return found


def likelihood(run: Run, key: Key, images: Images, samples: int = 500) -> Numbers:
  """Returns an upper bound of the negative log likelihood, by importance weights (`Run.log_likelihood`)."""
  found: Numbers = {"observes": run.density().observes.value}
  found |= mean_and_error("nll", -run.log_likelihood(key, images, samples))
  return found | {"samples": samples, "bits_per_dimension": float(run.density().bits(-found["nll"]))}


def gaussian_elbo(density: Density, nets, x: Array, q: tuple[Array, Array], key: Key, draws: int) -> Array:
  """Returns the ELBO [n] of Gaussians with mean and log standard deviation q, [n, D] each."""
  mean, log_std = q
  entropy = jnp.sum(log_std + 0.5 * math.log(2 * math.pi * math.e), -1)
  noise = jax.random.normal(key, (draws, *mean.shape))
  z = (mean + jnp.exp(log_std) * noise).reshape(-1, mean.shape[1])
  return density.log_joint(nets, jnp.tile(x, (draws, 1, 1, 1)), z).reshape(draws, -1).mean(0) + entropy


def amortisation(
  run: Run, key: Key, images: Images, steps: int = 200, draws: int = 4, rate: float = 0.02
) -> Numbers:
  """Returns the amortisation gap: the ELBO of each image's best Gaussian, less that of the encoder's.

  Cremer et al. (2018, arXiv:1801.03558), equation 4. Adam takes `steps` steps with `draws` samples each, from
  the encoder's mean and log standard deviation of each image on. Both ELBOs then use the same 64 new samples.

  Raises:
    InputError: q(z | x) is not Gaussian.
  """
  density = run.density()
  if not density.posterior:
    raise InputError("the q(z | x) of this run is no Gaussian: what its encoder loses is not known")
  tx = optax.adam(rate)

  @jax.jit
  def improve(nets, x, q, opt, key):
    grads = jax.grad(lambda q: -gaussian_elbo(density, nets, x, q, key, draws).sum())(q)
    updates, opt = tx.update(grads, opt)
    return optax.apply_updates(q, updates), opt

  elbo = jax.jit(lambda nets, x, q, key: gaussian_elbo(density, nets, x, q, key, 8))
  gains = []
  for start in range(0, len(images), CHUNK):
    bits, fitting, comparing = jax.random.split(jax.random.fold_in(key, start), 3)
    x = observe(run, bits, images[start : start + CHUNK])
    q = amortised = jax.jit(density.posterior)(run.nets, x)
    opt = tx.init(q)
    for step in range(steps):
      q, opt = improve(run.nets, x, q, opt, jax.random.fold_in(fitting, step))
    keys = jax.random.split(comparing, 8)
    gains.append(sum(elbo(run.nets, x, q, k) - elbo(run.nets, x, amortised, k) for k in keys) / 8)
  return mean_and_error("amortisation_gap", jnp.concatenate(gains)) | {"steps": steps}


def pixel_errors(run: Run, images: Images) -> Array:
  """Returns the mean squared error of each image's reconstruction, pixels in [-1, 1]: [n]."""
  return jnp.mean((run.reconstruct(images) - images) ** 2, (1, 2, 3))


def outside(run: Run, key: Key, images: Images, others: Images, draws: int = 8) -> Numbers:
  """Returns ELBO and reconstruction error of images of another data set, and how well the ELBO detects them.

  The ELBOs are medians, because an encoder may return extreme values for images unlike its training images.
  An ELBO that is NaN counts as lower than any other. `auroc` is the probability that one of `images` has a
  higher ELBO than one of `others`.
  """
  found, elbos = {}, []
  bits, noise = jax.random.split(key)
  for name, given in (("inside", images), ("outside", others)):
    log_p, log_ratio, _ = elbo_terms(run, noise, observe(run, bits, given), draws)
    elbos.append(np.nan_to_num(log_p + log_ratio, nan=-np.inf, neginf=-np.inf, posinf=np.inf))
    found[f"elbo_{name}"] = float(np.median(elbos[-1]))
    found |= mean_and_error(f"pixel_error_{name}", pixel_errors(run, given))
  return found | {"auroc": auroc(*elbos)}
