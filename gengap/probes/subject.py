"""Turns a run into a subject of probes: its generator, its encoder or one fitted to it, and real images."""

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
from gengap.logs.log import say
from gengap.method import Encoding, Kind
from gengap.methods import inverse, kl
from gengap.metrics import blobs
from gengap.probes.types import Array, Examples, Generate, Subject
from gengap.run import Run, chunked, load, steps
from gengap.training.program import compile_method, source, starter

FIT_BATCH = 64  # images in an update of the fitted encoder
REFINEMENTS = 100  # steps of Adam for each image
RATE = 0.05  # of those steps


def examples(data: Dataset, number: int, seed: int) -> Examples:
  """Returns at most `number` images of a data set, drawn by a seed, in random order."""
  chosen = np.random.default_rng(seed).permutation(len(data.image))[:number]
  return Examples(to_float(data.image[chosen]), data.label[chosen])


def fit(run: Run, data: Dataset, updates: int, seed: int) -> Run:
  """Fits an encoder to the frozen generator of a run, and returns the run with it (see `inverse`).

  Raises:
    NonFiniteError: the loss is not finite.
  """
  method = inverse.build(run.spec, run.method, run.nets)
  config = ConfigDict(run.config)
  config.update(steps=updates, seed=seed, batch_size=FIT_BATCH, ema=0.0, steps_per_dispatch=1)
  config.horizontal_flip = False
  program = compile_method(method, config, data)
  state = starter(program)(seed)
  calls = source(program, config, data, 0)
  with progress("fitting an encoder on", updates * FIT_BATCH) as bar:
    numbers = []
    for _ in range(updates):
      state, numbers = program.dispatch(state, calls)
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
  """Moves latents [N, D] until their images are as close to given images [N, H, W, C] as they get: [N, D].

  Adam minimises the mean squared error of the pixels, for each image independently; the best latent is kept.
  """
  generate, tx = run.generator(), optax.adam(RATE)

  @jax.jit
  def improve(nets, image, label, z, opt, best):
    def error(z):
      each = jnp.mean((generate(nets, z, label) - image) ** 2, (1, 2, 3))
      return each.sum(), each

    grads, each = jax.grad(error, has_aux=True)(z)
    closer = each < best[1]
    best = jnp.where(closer[:, None], z, best[0]), jnp.where(closer, each, best[1])
    updates, opt = tx.update(grads, opt)
    return optax.apply_updates(z, updates), opt, best

  def search(image, label, z):
    opt, best = tx.init(z), (z, jnp.full(len(z), jnp.inf))
    for _ in range(REFINEMENTS):
      z, opt, best = improve(run.nets, image, label, z, opt, best)
    return best[0]

  return np.asarray(chunked(search, *(jnp.asarray(x) for x in (image, label, np.float32(z)))))


def without_gradient(run: Run) -> str:
  """Returns why no search follows the gradient of a run's images by its latents; "" if one can."""
  name = run.config.method
  if run.method.piecewise_constant:
    return f"images of {name!r} are piecewise constant in z, and have no gradient to follow"
  if Kind.DIFFUSION in run.method.kind:
    return f"{name!r} generates by solving an ODE, and the gradient through all of its steps costs too much"
  return ""


def of_run(
  run: Run,
  train: Dataset,
  test: Dataset,
  chosen: Extractors,
  number: int = 1000,
  seed: int = 0,
  *,
  encoder_steps: int = 1000,
  fitted: bool = False,
  outside: Array | None = None,
  workdir: str | pathlib.Path | None = None,
) -> Subject:
  """Returns a run as a subject of probes.

  Args:
    run: a checkpoint.
    train: its training images.
    test: its test images.
    chosen: the feature extractor and the classifier; without an extractor the features are pixels.
    number: real images of each split.
    seed: of the choice of images, and of random numbers.
    encoder_steps: updates of the encoder that is fitted to a generator without one; 0 fits none.
    fitted: whether to fit an encoder although the run has its own, for a comparison with other runs.
    outside: images of another data set.
    workdir: of the run, for its other checkpoints; None leaves them out.

  Raises:
    InputError: the run has no generator, or an encoder cannot be fitted to it.
  """
  run.generator()  # raises if there is none
  not_searched = without_gradient(run)
  if fitted and not_searched:
    raise InputError(f"--encoder=fitted: {not_searched}; use its own encoder")
  own = bool(run.method.encodes) and not fitted

  @functools.cache
  def run_with_encoder() -> Run:
    return run if own else fit(run, train, encoder_steps, seed)

  def encode(image: Array, label: Array) -> Array:
    del label
    return np.asarray(run_with_encoder().represent("code", image))

  single = run.config.dataset.partition("/")[0] == "blobs_single"
  return Subject(
    latent_dim=run.method.latent_dim,
    classes=test.classes,
    conditional=run.method.conditional,
    generate=functools.partial(generate, run),
    features=(chosen.features or pixels.extractor()).extract,
    classify=classify(chosen.classifier),
    test=examples(test, number, seed),
    class_counts=np.bincount(train.label, minlength=len(test.classes)),
    train=examples(train, number, seed),
    own_encoder=own,
    fit_steps=0 if own else encoder_steps,
    encode=encode if own or encoder_steps else None,
    refine=None if not_searched else functools.partial(refine, run),
    not_searched=not_searched,
    outside=outside,
    blob_centre=(lambda images: blobs.describe(images)["centre"]) if single else None,
    history=functools.partial(history, run, workdir),
    piecewise_constant=run.method.piecewise_constant,
  )._replace(**({} if fitted else variational(run, seed)))


def variational(run: Run, seed: int) -> dict[str, Callable]:
  """Returns the fields of `Subject` that an autoencoder with a q(z | x) has; {} for other runs."""
  density = run.method.density

  def posterior(image: Array) -> tuple[Array, Array]:
    mean, log_std = run.encode(image)
    return np.asarray(mean), np.asarray(kl.to_prior(mean, log_std))

  def draws(image: Array) -> Array:
    mean, log_std = map(np.asarray, run.encode(image))
    return mean + np.exp(log_std) * np.random.default_rng(seed).standard_normal(mean.shape)

  def look(image: Array, number: int) -> tuple[Array, Array, Array]:
    key = jax.random.key(seed)
    return autoencoders.elbo_terms(run, key, autoencoders.observe(run, key, image), number)

  def elbo(image: Array) -> Array:
    log_p, log_ratio, _ = look(image, 8)
    return np.asarray(log_p + log_ratio)

  found: dict[str, Callable] = {}
  if run.method.encodes is Encoding.GAUSSIAN:
    found = {"posterior": posterior, "sample_codes": draws}
  if density:
    found |= {"elbo": elbo, "sample_codes": lambda image: look(image, 1)[2]}
  return found


def history(run: Run, workdir: str | pathlib.Path | None) -> Iterator[tuple[int, Generate]]:
  """Yields the checkpoints in a run's workdir, and the weights before training: steps and generators."""
  for step in (0, *sorted(steps(workdir))) if workdir else ():
    assert workdir
    try:
      nets = load(workdir, step).nets
    except InputError as error:
      say(f"without step {step}: {error}")
      continue
    yield step, functools.partial(generate, run._replace(step=step, nets=nets))


def classify(classifier: FeatureExtractor | None) -> Callable[[Array], Array] | None:
  """Returns the function from images to the logits of a classifier; None without a classifier."""
  if not classifier or not (logits := classifier.classify):
    return None
  return lambda images: logits(classifier.extract(images))


def generate(run: Run, z: Array, label: Array) -> Array:
  """Returns a run's images of latents, [N, H, W, C].

  Raises:
    InputError: they are not finite.
  """
  images = np.asarray(run.generate(jnp.asarray(z, jnp.float32), label))
  if not np.isfinite(images).all():
    raise InputError(f"the images of step {run.step} are not finite; probe an earlier step")
  return images
