"""Can it reach a given image? What is left of real images when the nearest latent that is found is generated.

A latent is guessed by the encoder (the model's own, or one fitted to the frozen generator), then moved until
its image is as near as it gets (Zhu et al. 2016, arXiv:1609.03552, section 3); so is the nearest of many
drawn from the prior, and the better of both counts. What remains bounds what the generator cannot make from
above, since another start may lead nearer: by class it shows modes that may be missing.
"""

import numpy as np
from matplotlib.figure import Figure

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import estimate, neighbours
from gengap.probes import figures
from gengap.probes.types import Array, Found, Options, Subject

DRAWS = 4  # latents of the prior to start from, to an image of a set
SHOWN = 12  # images in the picture
BARS = 20  # classes in it
BY_ENCODER = frozenset({Depends.ENCODER})
RESIDUAL = Quantity("reached", "inversion residual", "share of variance", Better.LOW, depends=BY_ENCODER)
QUANTITIES = (
  RESIDUAL._replace(title="inversion residual of training images", rows=("train",)),
  RESIDUAL._replace(title="inversion residual of test images", rows=("test",)),
  RESIDUAL._replace(title="inversion residual of a class", rows=("class ",)),
  RESIDUAL._replace(name="guessed", title="residual of the encoder's latent"),
  RESIDUAL._replace(name="drawn", title="residual of the nearest drawn latent"),
  Quantity("size", "root mean square of the latents", depends=BY_ENCODER),
)


def errors(images: Array, made: Array) -> Array:
  """Mean squared error of a pixel in [-1, 1], of every image: [N, H, W, C] twice -> [N]."""
  return np.mean((made.astype(np.float64) - images) ** 2, (1, 2, 3))


def unexplained(errors: Array, images: Array) -> Array:
  """Errors [N] as shares of the pixels' variance over images [M, H, W, C]: 1 is no nearer than their mean."""
  return errors / np.mean(np.var(images.astype(np.float64), 0, ddof=1))


def balanced(label: Array, number: int) -> Array:
  """Chooses as many items of each class, as far as there are, sorted by class, and about `number` in all."""
  classes = np.unique(label)
  each = max(1, number // len(classes))
  return np.concatenate([np.flatnonzero(label == c)[:each] for c in classes])


def nearest(subject: Subject, image: Array, label: Array, z: Array) -> Array:
  """Returns for every image [N, H, W, C] that of the latents [M, D] whose image is nearest: [N, D].

  A conditional model gets an equal part of the latents for each class [N] that is asked for.
  """
  found = np.empty((len(image), z.shape[1]))
  classes = np.unique(label) if subject.conditional else [0]
  for i, c in enumerate(classes):
    mine = label == c if subject.conditional else np.full(len(label), True)
    some = z[i :: len(classes)]
    flat, made = (x.reshape(len(x), -1) for x in (image[mine], subject.generate(some, np.full(len(some), c))))
    found[mine] = some[neighbours.kth(flat, 1, made)[1]]
  return found


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  if not subject.encode:
    return "it needs an encoder; --encoder_steps=1000 fits one"
  for split, examples in (("training", subject.train), ("test", subject.test)):
    if len(examples.image) < 2 or not np.ptp(examples.image, 0).any():
      return f"its unit is the variance of the {split} images, and they have none"
  return ""


def probe(subject: Subject, options: Options) -> Found:
  """Looks for training and test images among what the generator can make.

  Returns: Of train and of test images: guessed, drawn and reached, the unexplained share of the pixels'
    variance over all images of the split, by the encoder's latent, by the nearest of those drawn and by the
    best found from both; size, the root mean square of that one's numbers, 1 in the prior; and reached by
    class, of test images. Intervals are over images.
  """
  assert subject.encode
  numbers, rows = {}, {}
  draws = max(DRAWS * options.number, len(subject.classes))
  z = options.rng(0).standard_normal((draws, subject.latent_dim))
  for split, examples in (("train", subject.train), ("test", subject.test)):
    chosen = balanced(examples.label, max(2, options.number // 5))
    image, label = examples.image[chosen], examples.label[chosen]
    starts = {"guessed": subject.encode(image, label), "drawn": nearest(subject, image, label, z)}
    ends = [subject.refine(image, label, start) for start in starts.values()]
    far = [errors(image, subject.generate(end, label)) for end in ends]
    best = np.where((far[0] <= far[1])[:, None], *ends)
    made = {how: subject.generate(z, label) for how, z in (starts | {"reached": best}).items()}
    left = {how: unexplained(errors(image, x), examples.image) for how, x in made.items()}
    numbers |= {f"{split}/{how}": estimate.mean(values) for how, values in left.items()}
    numbers[f"{split}/size"] = estimate.mean(np.sqrt(np.mean(best**2, 1)))
    rows[split] = (image, label, made, left)
  image, label, made, left = rows["test"]
  for c in np.unique(label):
    numbers[f"class {subject.classes[c]}/reached"] = estimate.mean(left["reached"][label == c])
  detail = {"images": len(image), "draws": len(z), "encoder": subject.encoder}
  return Found(numbers, lambda: draw(subject, rows["test"], numbers), detail)


def draw(subject: Subject, seen, numbers: dict[str, estimate.Estimate]) -> Figure:
  """Draws real images above what was guessed, drawn and reached, and what is left of each class."""
  image, label, made, _ = seen
  chosen = balanced(label, SHOWN)
  chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, SHOWN).round().astype(int))]
  sheet, places, (panel,) = figures.sheet(4, len(chosen), 1, "test images and the nearest that were found")
  for place, (name, row) in zip(places, ({"real": image} | made).items(), strict=True):
    figures.strip(sheet, place, row[chosen], name)
  classes = {c: numbers[f"class {subject.classes[c]}/reached"] for c in np.unique(label)}
  if (all_of_them := len(classes)) > BARS:
    worst = sorted(classes, key=lambda c: -classes[c].value)[:BARS]
    classes = {c: classes[c] for c in worst}
    panel.set_title(f"the {BARS} of {all_of_them} classes that are farthest", fontsize=7)
  value = np.array([x.value for x in classes.values()])
  reach = np.abs(np.array([[x.low, x.high] for x in classes.values()]).T - value)
  panel.bar(
    range(len(classes)), value, yerr=np.nan_to_num(reach), color="tab:blue", error_kw={"linewidth": 0.8}
  )
  names = figures.distinct(subject.classes, 20)
  panel.set_xticks(range(len(classes)), [names[c] for c in classes], rotation=45, ha="right", fontsize=6)
  panel.set_ylabel("unexplained share of the variance", fontsize=7)
  return sheet
