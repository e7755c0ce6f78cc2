"""Can it reach a given image? What is left of real images when the nearest latent that is found is generated.

A latent is first guessed by the encoder (the model's own, or one fitted to the frozen generator), then moved
until its image is as near as it gets (Zhu et al. 2016, arXiv:1609.03552, section 3). What remains bounds
what the generator cannot make from above, since another start may lead nearer: by class it shows modes that
may be missing.
"""

import numpy as np
from matplotlib.figure import Figure

from gengap.probes import estimate, figure
from gengap.probes.vocabulary import Array, Found, Options, Subject

SHOWN = 12  # images in the picture


def errors(images: Array, made: Array) -> Array:
  """Mean squared error of a pixel in [-1, 1], of every image: [N, H, W, C] twice -> [N]."""
  return np.mean((made.astype(np.float64) - images) ** 2, (1, 2, 3))


def unexplained(errors: Array, images: Array) -> Array:
  """Errors [N] as shares of the pixels' variance over images [N, H, W, C]: 1 is no nearer than their mean."""
  return errors / np.mean(np.var(images.astype(np.float64), 0))


def balanced(label: Array, number: int) -> Array:
  """Chooses as many items of each class, as far as there are, sorted by class, and about `number` in all."""
  classes = np.unique(label)
  each = max(1, number // len(classes))
  return np.concatenate([np.flatnonzero(label == c)[:each] for c in classes])


def probe(subject: Subject, options: Options) -> Found:
  """Looks for training and test images among what the generator can make.

  Returns: Of train and of test images: guessed and reached, the unexplained share of the pixels' variance by
    the encoder's latent and by the nearest one found from there; size, the root mean square of that one's
    numbers, 1 in the prior; and reached by class, of test images. Intervals are over images.
  """
  assert subject.encode
  numbers, rows = {}, {}
  for split, examples in (("train", subject.train), ("test", subject.test)):
    chosen = balanced(examples.label, max(2, options.number // 5))
    image, label = examples.image[chosen], examples.label[chosen]
    guess = subject.encode(image, label)
    best = subject.refine(image, label, guess)
    made = {"guessed": subject.generate(guess, label), "reached": subject.generate(best, label)}
    left = {how: unexplained(errors(image, x), image) for how, x in made.items()}
    numbers |= {f"{split}/{how}": estimate.mean(values) for how, values in left.items()}
    numbers[f"{split}/size"] = estimate.mean(np.sqrt(np.mean(best**2, 1)))
    rows[split] = (image, label, made, left)
  image, label, made, left = rows["test"]
  for c in np.unique(label):
    numbers[f"class {subject.classes[c]}/reached"] = estimate.mean(left["reached"][label == c])
  detail = {"images": len(image), "encoder": "own" if subject.own_encoder else "fitted"}
  return Found(numbers, draw(subject, rows["test"], numbers), detail)


def draw(subject: Subject, seen, numbers: dict[str, estimate.Estimate]) -> Figure:
  """Draws real images above what was guessed and reached, and what is left of each class."""
  image, label, made, _ = seen
  chosen = balanced(label, SHOWN)
  sheet, places, (panel,) = figure.sheet(3, len(chosen), 1, "test images and the nearest that were found")
  for place, (name, row) in zip(places, ({"real": image} | made).items(), strict=True):
    figure.strip(sheet, place, row[chosen], name)
  classes = {c: numbers[f"class {subject.classes[c]}/reached"] for c in np.unique(label)}
  value = np.array([x.value for x in classes.values()])
  reach = np.abs(np.array([[x.low, x.high] for x in classes.values()]).T - value)
  panel.bar(
    range(len(classes)), value, yerr=np.nan_to_num(reach), color="tab:blue", error_kw={"linewidth": 0.8}
  )
  panel.set_xticks(range(len(classes)), [subject.classes[c] for c in classes], rotation=45, fontsize=6)
  panel.set_ylabel("unexplained share of the variance", fontsize=7)
  return sheet
