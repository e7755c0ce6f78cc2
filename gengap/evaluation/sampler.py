"""Draws codes and images of a run as a `Sampling` says."""

import functools
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gengap.data import Dataset
from gengap.data.scale import to_float
from gengap.data.subset import stratified
from gengap.errors import InputError
from gengap.evaluation.sampling import FITTED, MIXTURE, PRIOR, Sampling
from gengap.logs.log import say
from gengap.method import Array, Key, draw_prior
from gengap.methods import common
from gengap.run import Run, chunked
from gengap.training.program import load_data

SEED = 0  # of their choice, of their codes and of the fit
INDEX, NOISE, SHOWN = 2, 3, 4  # folded into a key; `draw_prior` splits the key into two


class Mixture(NamedTuple):
  """A mixture of Gaussians."""

  weights: np.ndarray  # [K]
  means: np.ndarray  # [K, D]
  factors: np.ndarray  # [K, D, D], lower triangular; a covariance is L L^T

  def sample(self, key: Key, n: int, temperature: float = 1.0) -> Array:
    """Draws [n, D], with the standard deviations of all components times the temperature."""
    which, noise = jax.random.split(key)
    chosen = jax.random.choice(which, len(self.weights), (n,), p=jnp.asarray(self.weights))
    z = jax.random.normal(noise, (n, self.means.shape[1]))
    moved = jnp.zeros_like(z)
    for k, factor in enumerate(self.factors):  # one component at a time: [n, D, D] may not fit into memory
      moved = jnp.where(chosen[:, None] == k, z @ factor.T, moved)
    return jnp.asarray(self.means)[chosen] + temperature * moved


def fit_mixture(codes: np.ndarray, components: int, seed: int = SEED) -> Mixture:
  """Fits Gaussians with full covariances to codes [N, D] by expectation maximisation, from k-means.

  Raises:
    InputError: there are fewer codes than components, or the codes are not finite.
  """
  if len(codes) < components:
    raise InputError(f"--sampling=mixture:{components}: there are {len(codes)} training images for it")
  if not np.isfinite(codes).all():
    raise InputError("--sampling: the codes of training images are not finite; judge an earlier step")
  found: Any = GaussianMixture(components, random_state=seed)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # said below
    found.fit(codes.astype(np.float64))
  if not found.converged_:
    say(f"the mixture of {components} did not converge in {found.max_iter} iterations")
  factors = np.linalg.cholesky(found.covariances_)
  return Mixture(*(x.astype(np.float32) for x in (found.weights_, found.means_, factors)))


class Sampler:
  """Draws from a run. The codes are a function of the key, whatever p(x | z) shows of them.

    sampler = Sampler(run, "mixture:10,temperature=0.8")
    z, label = sampler.codes(jax.random.key(0), 64)
    images = sampler.images(jax.random.key(0), 64)  # of the same codes

  Draws of one key at several temperatures differ in the scale of their noise alone.
  """

  def __init__(self, run: Run, sampling: Sampling | str = PRIOR, train: Dataset | None = None):
    """Fits the mixture, if codes are of one.

    Args:
      run: to draw from.
      sampling: how.
      train: training images of the run, where codes come from them; None: they are loaded.

    Raises:
      InputError: the run cannot be sampled so, or its training images are missing.
    """
    self.run, self.sampling = run, Sampling.of(sampling)
    self.sampling.check(run)
    self.train = self.mixture = None
    self.fitted = 0  # codes that the mixture was fitted to
    if self.sampling.codes != PRIOR:
      self.train = train = train or load_data(run.config, "train")
      self.mixture = self.fit(train) if self.sampling.codes == MIXTURE else None

  def fit(self, train: Dataset) -> Mixture:
    """Returns the mixture fitted to codes of training images, one draw of q(z | x) each."""
    chosen = stratified(train.label, FITTED, SEED)
    self.fitted = len(chosen)
    codes = sample_posterior(self.run, jax.random.key(SEED), to_float(train.image[chosen]))
    return fit_mixture(np.asarray(codes), self.sampling.components or 1)

  @property
  def protocol(self) -> dict[str, Any]:
    """What every number of these samples depends on; {} for the default."""
    if self.sampling.default:
      return {}
    fitted = {"training_codes": self.fitted, "seed": SEED} if self.mixture else {}
    return {"sampling": {"text": str(self.sampling)} | fitted}

  def codes(self, key: Key, n: int, temperature: float | None = None) -> tuple[Array, np.ndarray]:
    """Draws codes [n, latent_dim], and a class for each [n] int32, which only conditional methods use.

    Args:
      key: of the draw.
      n: how many.
      temperature: in the place of the sampling's own.
    """
    run, how = self.run, self.sampling
    t = how.temperature if temperature is None else temperature
    z, label = draw_prior(key, n, run.method.latent_dim, run.class_counts, t, how.truncation)
    if self.mixture:
      return self.mixture.sample(jax.random.fold_in(key, NOISE), n, t), label
    if not self.train:
      return z, label
    index = jax.random.randint(jax.random.fold_in(key, INDEX), (n,), 0, len(self.train.image))
    images = to_float(self.train.image[np.asarray(index)])
    label = np.asarray(self.train.label[np.asarray(index)], np.int32)
    return sample_posterior(run, jax.random.fold_in(key, NOISE), images, t), label

  def images(self, key: Key, n: int, temperature: float | None = None) -> Array:
    """Draws images [n, H, W, C] float32 in [-1, 1]; see `codes`."""
    z, label = self.codes(key, n, temperature)
    if not self.sampling.draw:
      return self.run.generate(z, label)
    return sample_likelihood(self.run, jax.random.fold_in(key, SHOWN), z)


def sample_posterior(run: Run, key: Key, images: Any, temperature: float = 1.0) -> Array:
  """Draws one code from q(z | x) for each image [n, H, W, C] in [-1, 1]: [n, latent_dim].

  Args:
    run: with an encoder. The codes of a plain autoencoder have no noise.
    key: of the noise.
    images: x.
    temperature: standard deviation of the noise, which makes all levels of a hierarchy, and is before a flow.
  """
  if not run.method.sample_posterior:
    return run.represent("code", images)
  draw = functools.partial(
    jax.jit(run.method.sample_posterior), run.nets, temperature=jnp.float32(temperature)
  )
  images = run.checked(images)
  return chunked(draw, images, jax.random.split(key, len(images)))


def sample_likelihood(run: Run, key: Key, z: Array) -> Array:
  """Draws one image from p(x | z) for each code [n, latent_dim], clipped to [-1, 1]: [n, H, W, C].

  Raises:
    InputError: the method has no p(x | z).
  """
  draw = functools.partial(jax.jit(run.density().draw), run.nets)
  return common.clip_to_image(chunked(draw, z, jax.random.split(key, len(z))))
