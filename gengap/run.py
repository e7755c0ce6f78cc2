"""Reloads a trained model for analysis; notebooks, evaluation and probes start here."""

import contextlib
import functools
import math
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gengap import methods, zoo
from gengap.config import complete
from gengap.distributed import processes
from gengap.errors import InputError
from gengap.logs import notebook
from gengap.method import Array, Batch, Config, Density, Encoding, Key, Method, Nets, Spec, draw_prior
from gengap.storage import paths, remote
from gengap.training import workdirs
from gengap.training.checkpoint import Checkpoints
from gengap.training.class_counts import UNIFORM, counts_of_data
from gengap.training.step import init

CHUNK = 256  # images generated or encoded at a time
SHOWN = 64  # samples that stand for a run in a notebook
TRAINING_FREQUENCIES = "class frequencies of the training images"


class Run(NamedTuple):
  """One checkpoint of one run."""

  config: Config
  step: int
  spec: Spec
  method: Method
  nets: Nets  # the moving average where config.ema > 0

  def __repr__(self) -> str:
    return f"Run({self.config.method} on {self.config.dataset}, step {self.step})"

  def _repr_png_(self) -> bytes | None:
    """Returns a grid of SHOWN samples, which a notebook shows; None if the method makes no images."""
    return notebook.grid_png(np.asarray(self.sample(0, SHOWN))) if self.method.generate else None

  def sample(self, key: Key | int, n: int, label=None, temperature: float = 1.0) -> Array:
    """Draws images from the model.

    Args:
      key: of the latents, and of the labels where none is given; or a whole number, its seed.
      n: how many.
      label: one class for all, or [n]; None draws each class as often as it occurs among the training images
        (see `label_frequencies`). Only conditional methods use it.
      temperature: standard deviation of the latents.

    Returns:
      [n, H, W, C] float32 in [-1, 1].
    """
    if n < 1:
      raise InputError(f"n is {n}; it must be at least 1")
    self.generator()  # refuses before anything is drawn
    key = jax.random.key(key) if isinstance(key, int) else key
    z, drawn = draw_prior(key, n, self.method.latent_dim, self.class_counts, temperature)
    return self.generate(z, drawn if label is None else label)

  @property
  def class_counts(self) -> tuple[int, ...]:
    """Training images of each class, [num_classes]; one of each where the numbers are unknown."""
    return self.spec.class_counts or (1,) * self.spec.num_classes

  @property
  def label_frequencies(self) -> str | None:
    """How `sample` draws classes, for the protocol of a score; None if the method ignores them."""
    if not self.method.conditional:
      return None
    return TRAINING_FREQUENCIES if self.spec.class_counts else UNIFORM

  def generate(self, z: Array, label=None) -> Array:
    """Generates an image of every latent.

    Args:
      z: [n, latent_dim].
      label: a class, [n] or one for all (None: 0); or shares of classes [n, classes], as of one between two.
        Only conditional methods use it.

    Returns:
      [n, H, W, C] float32 in [-1, 1].
    """
    generate = self.generator()
    z = jnp.asarray(z, jnp.float32)
    if z.ndim != 2 or z.shape[1] != self.method.latent_dim:
      raise InputError(f"z has shape {z.shape}; it must be [n, {self.method.latent_dim}]")
    label = self.labels(0 if label is None else label, len(z))
    return chunked(functools.partial(jax.jit(generate), self.nets), z, label)

  def generator(self) -> Callable[[Nets, Array, Array], Array]:
    """Returns the method's `generate`.

    Raises:
      InputError: it generates no images.
    """
    if not self.method.generate:
      raise InputError(f"{self.config.method!r} makes no images; it has {', '.join(self.method.represent)}")
    return self.method.generate

  def labels(self, label, n: int) -> Array:
    """Returns a class, [n] or one for all, as [n] int32; shares of classes [n, classes] as float32.

    Raises:
      InputError: not as many classes as images, one that the data do not have, or shares that are none.
    """
    label = np.asarray(label)
    if label.shape == (n, self.spec.num_classes) and label.dtype.kind == "f":
      if not (label.min() >= 0 and np.allclose(label.sum(1), 1, atol=1e-5)):
        raise InputError("label holds shares of classes that are negative, or do not sum to 1")
      return jnp.asarray(label, jnp.float32)
    if label.shape not in ((), (n,)):
      raise InputError(f"label has shape {label.shape}; it must be one class, or [{n}]")
    if label.dtype.kind not in "iu" or label.min() < 0 or label.max() >= self.spec.num_classes:
      raise InputError(
        f"label must be whole numbers from 0 to {self.spec.num_classes - 1}, not {label.tolist()!r}"
      )
    return jnp.broadcast_to(jnp.asarray(label, jnp.int32), n)

  def encode(self, images) -> tuple[Array, Array]:
    """Mean and log standard deviation of q(z | x), each [n, latent_dim], of images [n, H, W, C] in [-1, 1].

    With a flow, those of the Gaussian before it; in a hierarchy, those of each level at the means of the
    levels above.

    Raises:
      InputError: the method has no such encoder.
    """
    if self.method.encodes in (None, Encoding.CODE):
      raise InputError(f"{self.config.method!r} has no q(z | x): it cannot encode images")
    return self.represent("mean", images), self.represent("log_std", images)

  def represent(self, name: str, images) -> Array:
    """Features [n, ...] of images [n, H, W, C] in [-1, 1], under one of the method's representations."""
    if name not in self.method.represent:
      known = ", ".join(self.method.represent) or "none"
      raise InputError(f"{self.config.method!r} has no representation {name!r}; it has {known}")
    return chunked(functools.partial(jax.jit(self.method.represent[name]), self.nets), self.checked(images))

  def checked(self, images) -> Array:
    """Returns images as an array.

    Raises:
      InputError: they are not of the run's shape.
    """
    images = jnp.asarray(images, jnp.float32)
    if images.shape[1:] != tuple(self.spec.shape):
      raise InputError(f"images have shape {images.shape}; it must be (n, *{tuple(self.spec.shape)})")
    return images

  def log_likelihood(self, key: Key, images, samples: int = 500) -> Array:
    """Lower bound of log p(x) in nats of images [n, H, W, C] in [-1, 1]: [n].

    The logarithm of the mean of `samples` importance weights p(x, z) / q(z | x) (Burda et al. 2016,
    arXiv:1509.00519, equation 8): with one it is the ELBO, and it rises to log p(x) with their number. For a
    likelihood of bits the images are binarised first, once each.

    Raises:
      InputError: the method has no such bound, or there is no sample.
    """
    density = self.density()
    if samples < 1:
      raise InputError(f"samples is {samples}; it must be at least 1")
    images = self.checked(images)
    bits, noise = jax.random.split(key)
    x = density.target(images, jax.random.split(bits, len(images)))
    terms, total = functools.partial(jax.jit(density.elbo_terms), self.nets), jnp.full(len(images), -jnp.inf)
    for k in range(samples):
      keys = jax.random.split(jax.random.fold_in(noise, k), len(images))
      log_p, log_ratio, _ = chunked(terms, x, keys)
      total = jnp.logaddexp(total, log_p + log_ratio)
    return total - math.log(samples)

  def density(self) -> Density:
    """Returns the method's density.

    Raises:
      InputError: it has none.
    """
    if not self.method.density:
      raise InputError(f"{self.config.method!r} has no likelihood of images")
    return self.method.density

  def reconstruct(self, images) -> Array:
    """Images decoded from their codes: [n, H, W, C] in [-1, 1].

    The code of a VAE is the mean of its q(z | x), or a flow's output for the mean of the Gaussian before it.

    Raises:
      InputError: the method has no encoder.
    """
    if not self.method.encodes:
      raise InputError(f"{self.config.method!r} has no encoder: it cannot reconstruct images")
    return self.generate(self.represent("code", images))


def chunked(function, *arrays: Array) -> Any:
  """Applies a function to equal pieces of arrays [n, ...]; the last piece is padded and cut again.

  Several processes share the pieces.

  Returns:
    What the function returns, one array or several, [n, ...] each.
  """
  n = len(arrays[0])
  size = min(CHUNK, n)
  pad = -n % size
  padded = [jnp.concatenate([a, jnp.repeat(a[-1:], pad, axis=0)]) for a in arrays]
  starts = range(0, n + pad, size)
  found = [function(*(a[i : i + size] for a in padded)) for i in processes.own_share(starts)]
  pieces = processes.gather(found, len(starts))
  return jax.tree.map(lambda *found: jnp.concatenate(found)[:n], *pieces)


def steps(workdir: str | pathlib.Path, step: int | str = "all") -> list[int]:
  """Returns the steps of a run's checkpoints that "all", "last", "best" or a number means, the newest first.

  Raises:
    InputError: no run there, or no such checkpoint.
  """
  workdir = folder(workdir)
  with contextlib.closing(Checkpoints(workdir, best=workdirs.read(workdir)["best"])) as checkpoints:
    if step != "all":
      return [int(step) if str(step) == "0" else checkpoints.find(step)]
    checkpoints.find("last")  # refuses where there is none
    return checkpoints.steps()


def folder(workdir: str | pathlib.Path) -> pathlib.Path:
  """Returns a run's folder; that of a run of the zoo, "zoo:NAME", is in the cache.

  Raises:
    InputError: no run there.
  """
  path = zoo.workdir(workdir) if zoo.is_named(workdir) else paths.place(workdir)
  if remote.is_remote(path):
    with remote.explained(str(path)):
      path.exists()  # refuses a bucket that is missing or closed
  if not (path / "checkpoints").is_dir():
    found = sorted(checkpoints.parent.name for checkpoints in path.glob("*/checkpoints"))
    named = f"; name one of its runs, {', '.join(found[:8])}, such as {path / found[0]}" if found else ""
    raise InputError(f"{path} holds no run: it has no folder checkpoints{named}")
  return path


def load(workdir: str | pathlib.Path, step: int | str = "last") -> Run:
  """Reloads a checkpoint.

  Args:
    workdir: of the run; or "zoo:NAME", such as "zoo:vae_mnist", for a run of the model zoo (`gengap.zoo`).
    step: "last", "best" or a number; 0 for the weights before training, made again from the seed.

  Raises:
    InputError: no run there, no such checkpoint, or a damaged one.
  """
  workdir = folder(workdir)
  config: Config = ConfigDict(complete(workdirs.read(workdir)))
  with contextlib.closing(Checkpoints(workdir, best=config.best)) as checkpoints:
    before = str(step) == "0"
    number = checkpoints.find("last" if before else step)
    height, width, channels = (found := checkpoints.meta(number)["spec"])["shape"]
    counts = tuple(found.get("class_counts", ()))
    spec = Spec(**found | {"shape": (height, width, channels), "class_counts": counts})
    method = methods.build(config, spec)
    if method.conditional and not counts:
      spec = spec._replace(class_counts=counts_of_data(config.to_json_best_effort(), spec.num_classes))
    example = Batch(jnp.zeros((1, *spec.shape)), jnp.zeros(1, jnp.int32))
    if before:
      nets = jax.jit(functools.partial(init, method, config.seed, ema=0))(example).nets
      return Run(config, 0, spec, method, nets)
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    nets = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here),
      jax.eval_shape(method.init, jax.random.key(0), example),
    )
    name = "ema" if config.ema else "nets"
    return Run(config, number, spec, method, checkpoints.read(number, **{name: nets})[name])
