"""From a run to what probes may ask of it: its generator, its encoder or one fitted to it, real images."""

import functools
import pathlib
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from gengap.data import Dataset
from gengap.data.progress import progress
from gengap.data.scale import to_float
from gengap.errors import InputError, NonFiniteError
from gengap.evaluation import autoencoders
from gengap.evaluation.extractors import Extractors
from gengap.features import FeatureExtractor, pixels
from gengap.log import say
from gengap.method import Encoding
from gengap.methods import inverse, kl
from gengap.metrics import blobs
from gengap.probes.types import Array, Examples, Subject
from gengap.run import Run, chunked, load, steps
from gengap.training.program import compile_method, source, start

FIT_BATCH = 64  # images in a step of the encoder that is fitted
REFINEMENTS = 100  # steps of Adam for each image
RATE = 0.05  # of those steps


def examples(data: Dataset, number: int, seed: int) -> Examples:
  """Returns as many images as are asked for and there, drawn by a seed, in random order."""
  chosen = np.random.default_rng(seed).permutation(len(data.image))[:number]
  return Examples(to_float(data.image[chosen]), data.label[chosen])


def fit(run: Run, data: Dataset, updates: int, seed: int) -> Run:
  """Fits an encoder to a run's frozen generator: the run, with it (see `inverse`).

  Raises:
    NonFiniteError: the fit fails.
  """
  method = inverse.build(run.spec, run.method, run.nets)
  config = ConfigDict(run.config)
  config.update(steps=updates, seed=seed, batch_size=FIT_BATCH, ema=0.0, steps_per_dispatch=1)
  program = compile_method(method, config, data)
  state = start(program, config)
  images = source(program, config, data, 0)
  with progress("fitting an encoder on", updates * FIT_BATCH) as bar:
    numbers = []
    for _ in range(updates):
      state, numbers = program.dispatch(state, images)
      bar.update(FIT_BATCH)
  if not np.isfinite(loss := float(numbers[-1][f"{inverse.PLAYER}/loss"][-1])):
    raise NonFiniteError(
      f"the encoder's loss is {loss} after {updates} updates; the generator cannot be inverted"
    )
  here = jax.tree.map(lambda x: jax.device_put(np.asarray(x), jax.local_devices()[0]), state.nets)
  return run._replace(
    method=run.method._replace(represent=method.represent, encodes=method.encodes), nets=here
  )


def refine(run: Run, image: Array, label: Array, z: Array) -> Array:
  """Moves latents [N, D] until their images are as near to those given [N, H, W, C] as they get: [N, D].

  Adam on the mean squared error of the pixels, each image by itself; the best latent on the way is kept.
  """
  generate, tx = run.generator(), optax.adam(RATE)

  @jax.jit
  def improve(nets, image, label, z, opt, best):
    def error(z):
      each = jnp.mean((generate(nets, z, label) - image) ** 2, (1, 2, 3))
      return each.sum(), each

    grads, each = jax.grad(error, has_aux=True)(z)
    nearer = each < best[1]
    best = jnp.where(nearer[:, None], z, best[0]), jnp.where(nearer, each, best[1])
    updates, opt = tx.update(grads, opt)
    return optax.apply_updates(z, updates), opt, best

  def search(image, label, z):
    opt, best = tx.init(z), (z, jnp.full(len(z), jnp.inf))
    for _ in range(REFINEMENTS):
      z, opt, best = improve(run.nets, image, label, z, opt, best)
    return best[0]

  return np.asarray(chunked(search, *(jnp.asarray(x) for x in (image, label, np.float32(z)))))


def build(
  run: Run,
  train: Dataset,
  test: Dataset,
  sight: Extractors,
  number: int = 1000,
  seed: int = 0,
  *,
  updates: int = 1000,
  fitted: bool = False,
  outside: Array | None = None,
  workdir: str | pathlib.Path | None = None,
) -> Subject:
  """Returns what probes may ask of a run.

  Args:
    run: a checkpoint.
    train: its training images.
    test: its test images.
    sight: what looks at images; without features they are of pixels.
    number: real images of each kind.
    seed: of the choice of images, and of what is drawn.
    updates: of the encoder that is fitted to a generator without one; 0 fits none.
    fitted: whether an encoder is fitted even where the run has its own, to compare it with those of others.
    outside: images of other data.
    workdir: of the run, for its other checkpoints; None leaves them out.

  Raises:
    InputError: the run makes no images.
  """
  run.generator()  # refuses
  extractor, own = sight.features or pixels.extractor(), bool(run.method.encodes) and not fitted
  density = None if fitted else run.method.density
  gaussian = own and run.method.encodes is Encoding.GAUSSIAN

  @functools.cache
  def encoding() -> Run:
    return run if own else fit(run, train, updates, seed)

  def encode(image: Array, label: Array) -> Array:
    del label
    return np.asarray(encoding().represent("code", image))

  def told(image: Array) -> tuple[Array, Array]:
    mean, log_std = run.encode(image)
    return np.asarray(mean), np.asarray(kl.to_prior(mean, log_std))

  def noisy(image: Array) -> Array:
    mean, log_std = map(np.asarray, run.encode(image))
    return mean + np.exp(log_std) * np.random.default_rng(seed).standard_normal(mean.shape)

  def look(image: Array, draws: int) -> tuple[Array, Array, Array]:
    key = jax.random.key(seed)
    return autoencoders.elbo_terms(run, key, autoencoders.observe(run, key, image), draws)

  def elbo(image: Array) -> Array:
    log_p, log_ratio, _ = look(image, 8)
    return np.asarray(log_p + log_ratio)

  def history() -> Iterator[tuple[int, Callable[[Array, Array], Array]]]:
    for step in (0, *sorted(steps(workdir))) if workdir else ():
      assert workdir
      try:
        nets = load(workdir, step).nets
      except InputError as error:
        say(f"without step {step}: {error}")
        continue
      yield step, functools.partial(paint, run._replace(step=step, nets=nets))

  single = run.config.dataset.partition("/")[0] == "blobs_single"
  return Subject(
    latent_dim=run.method.latent_dim,
    classes=test.classes,
    conditional=run.method.conditional,
    generate=functools.partial(paint, run),
    see=extractor.extract,
    name=naming(sight.classifier),
    test=examples(test, number, seed),
    class_counts=np.bincount(train.label, minlength=len(test.classes)),
    train=examples(train, number, seed),
    own_encoder=own,
    fit_steps=0 if own else updates,
    encode=encode if own or updates else None,
    refine=functools.partial(refine, run),
    draw=(lambda image: look(image, 1)[2]) if density else noisy if gaussian else None,
    told=told if gaussian else None,
    elbo=elbo if density else None,
    outside=outside,
    centre=(lambda images: blobs.describe(images)["centre"]) if single else None,
    history=history,
  )


def naming(extractor: FeatureExtractor | None) -> Callable[[Array], Array] | None:
  """Returns the way from images to a classifier's logits, where there is one."""
  if not extractor or not (classify := extractor.classify):
    return None
  return lambda images: classify(extractor.extract(images))


def paint(run: Run, z: Array, label: Array) -> Array:
  """Returns a run's images of latents, [N, H, W, C].

  Raises:
    InputError: they are not finite.
  """
  images = np.asarray(run.generate(jnp.asarray(z, jnp.float32), label))
  if not np.isfinite(images).all():
    raise InputError(f"the images of step {run.step} are not finite; probe an earlier step")
  return images
