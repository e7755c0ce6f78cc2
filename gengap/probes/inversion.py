"""Can the generator make a given image? The closest images it generates to real ones, and what they miss.

The search for a latent starts from the guess of the encoder (the model's own, or one fitted to the frozen
generator) and from the closest of many draws of the prior. Each start is moved until its image is as close as
it gets (Zhu et al. 2016, arXiv:1609.03552, section 3), and the better result counts. The residual is an upper
bound of what the generator cannot make, since another start may end closer. By class it shows modes that may
be missing.
"""

from typing import NamedTuple

import numpy as np

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import estimate, neighbours
from gengap.probes.types import Array, Examples, Options, Scores, Subject

DRAWS = 4  # draws of the prior for each image of a set
BY_ENCODER = frozenset({Depends.ENCODER})
RESIDUAL = Quantity(
  "reached",
  "inversion residual",
  "share of variance",
  Better.LOW,
  depends=BY_ENCODER,
  meaning=(
    "What the generator cannot make of a real image: the error of the closest image that was "
    "found, over the variance of a pixel. 0 is an exact copy, and lower is better."
  ),
)
QUANTITIES = (
  RESIDUAL._replace(title="inversion residual of training images", rows=("train",)),
  RESIDUAL._replace(title="inversion residual of test images", rows=("test",)),
  RESIDUAL._replace(title="inversion residual of a class", rows=("class ",)),
  RESIDUAL._replace(name="guessed", title="residual of the encoder's latent"),
  RESIDUAL._replace(name="drawn", title="residual of the nearest drawn latent"),
  Quantity(
    "size",
    "root mean square of the latents",
    depends=BY_ENCODER,
    meaning="How large the latents of the closest images are: draws of the prior have 1.",
  ),
)


class Inversion(NamedTuple):
  """Real images of one split, and the closest images that were found."""

  image: Array  # [N, H, W, C]
  label: Array  # [N]
  found: dict[str, Array]  # "guessed", "drawn" and, after a search, "reached" -> images [N, H, W, C]
  z: Array  # [N, D], latents of those reached; without a search, of those guessed
  variance: float  # of a pixel, over all images of the split


class Measurements(NamedTuple):
  """Inversions of training and test images."""

  splits: dict[str, Inversion]  # "train" and "test"
  draws: int
  classes: tuple[str, ...]
  encoder: str
  not_searched: str = ""  # why nothing was reached


def squared_errors(images: Array, generated: Array) -> Array:
  """Mean squared error of a pixel in [-1, 1], of every image: [N, H, W, C] twice -> [N]."""
  return np.mean((generated.astype(np.float64) - images) ** 2, (1, 2, 3))


def pixel_variance(images: Array) -> float:
  """Mean variance of a pixel over images [N, H, W, C]."""
  return float(np.mean(np.var(images.astype(np.float64), 0, ddof=1)))


def balanced(label: Array, number: int) -> Array:
  """Chooses about `number` items in all, equally many of each class if there are enough; sorted by class."""
  classes = np.unique(label)
  each = max(1, number // len(classes))
  return np.concatenate([np.flatnonzero(label == c)[:each] for c in classes])


def closest_draws(subject: Subject, image: Array, label: Array, z: Array) -> Array:
  """Returns, for every image [N, H, W, C], the latent of z [M, D] whose image is closest: [N, D].

  A conditional model gets an equal part of the latents for each class in label [N].
  """
  found = np.empty((len(image), z.shape[1]))
  classes = np.unique(label) if subject.conditional else [0]
  for i, c in enumerate(classes):
    mine = label == c if subject.conditional else np.full(len(label), True)
    some = z[i :: len(classes)]
    generated = subject.generate(some, np.full(len(some), c))
    flat, generated = (x.reshape(len(x), -1) for x in (image[mine], generated))
    found[mine] = some[neighbours.kth(flat, 1, generated)[1]]
  return found


def requirements(subject: Subject) -> str:
  """Returns why the probe does not suit the subject; "" where it does."""
  if not subject.encode:
    return "it needs an encoder; --encoder_steps=1000 fits one"
  for split, examples in (("training", subject.train), ("test", subject.test)):
    if len(examples.image) < 2 or not np.ptp(examples.image, 0).any():
      return f"its unit is the variance of the {split} images, and they have none"
  return ""


def measure(subject: Subject, options: Options) -> Measurements:
  """Searches the latents of training and test images."""
  draws = max(DRAWS * options.number, len(subject.classes))
  z = options.rng(0).standard_normal((draws, subject.latent_dim))
  splits = {}
  for split, examples in (("train", subject.train), ("test", subject.test)):
    chosen = balanced(examples.label, max(2, options.number // 5))
    part = Examples(examples.image[chosen], examples.label[chosen])
    splits[split] = invert(subject, part, z, pixel_variance(examples.image))
  return Measurements(splits, draws, subject.classes, subject.encoder, subject.not_searched)


def invert(subject: Subject, examples: Examples, z: Array, variance: float) -> Inversion:
  """Searches the latents of images from the encoder's guess and from draws z [M, D]."""
  assert subject.encode
  image, label = examples
  starts = {"guessed": subject.encode(image, label), "drawn": closest_draws(subject, image, label, z)}
  if not subject.refine:
    found = {name: subject.generate(z, label) for name, z in starts.items()}
    return Inversion(image, label, found, starts["guessed"], variance)
  ends = [subject.refine(image, label, start) for start in starts.values()]
  errors = [squared_errors(image, subject.generate(end, label)) for end in ends]
  best = np.where((errors[0] <= errors[1])[:, None], *ends)
  found = {name: subject.generate(z, label) for name, z in (starts | {"reached": best}).items()}
  return Inversion(image, label, found, best, variance)


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores the residuals of training and test images.

  Returns: Of train and of test: guessed, drawn and reached, the squared error as a share of the pixels'
    variance over all images of the split (1: no closer than their mean), of the encoder's guess, of the
    closest draw and of the best latent; size, the root mean square of that latent's numbers, 1 in the prior;
    and reached by class, of test images. Intervals are over images. A model whose generator solves an ODE, or
    is piecewise constant, is not searched: it has no reached, and guessed by class.
  """
  del options
  numbers, residuals = {}, {}
  searched = not measurements.not_searched
  for split, inversion in measurements.splits.items():
    residuals = {
      name: squared_errors(inversion.image, images) / inversion.variance
      for name, images in inversion.found.items()
    }
    numbers |= {f"{split}/{name}": estimate.mean(values) for name, values in residuals.items()}
    numbers[f"{split}/size"] = estimate.mean(np.sqrt(np.mean(inversion.z**2, 1)))
  test = measurements.splits["test"]
  for c in np.unique(test.label):
    best = "reached" if searched else "guessed"
    of_class = residuals[best][test.label == c]
    numbers[f"class {measurements.classes[c]}/{best}"] = estimate.mean(of_class)
  detail = {"images": len(test.image), "draws": measurements.draws, "encoder": measurements.encoder}
  return Scores(numbers, detail, () if searched else (f"no search: {measurements.not_searched}",))
