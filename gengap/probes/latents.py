"""Where are the classes, and are the codes where the prior is? Encodings of test images.

Codes are those of the model's own encoder, or of one that was fitted to a frozen generator.
"""

import math
import warnings

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import aggregate, estimate
from gengap.probes import figures
from gengap.probes.types import Array, Found, Options, Subject

NEIGHBOURS = 5
PERMUTATIONS = 500
LEAST = 8  # test images
BY_ENCODER = frozenset({Depends.ENCODER})
HIGH = Better.HIGH
QUANTITIES = (
  Quantity("linear_probe", "accuracy of a linear probe of codes", better=HIGH, high=1, depends=BY_ENCODER),
  Quantity("knn", "accuracy of nearest neighbours of codes", better=HIGH, high=1, depends=BY_ENCODER),
  Quantity("chance", "accuracy of the most frequent class", high=1, depends=BY_ENCODER),
  Quantity("silhouette", "silhouette of codes", better=HIGH, low=-1, high=1, depends=BY_ENCODER),
  Quantity("kl", "KL to the prior", "nats", depends=BY_ENCODER),
  Quantity("active_units", "active units", depends=BY_ENCODER),
  Quantity("variance", "variance of codes", depends=BY_ENCODER),
  Quantity("mean_norm", "norm of the mean code", depends=BY_ENCODER),
  Quantity("mean_norm_prior", "norm of the mean of draws of the prior", depends=BY_ENCODER),
  Quantity(
    "energy_distance",
    "energy distance of codes to the prior",
    better=Better.LOW,
    low=-math.inf,
    depends=BY_ENCODER,
  ),
  Quantity("p_value", "p of codes being draws of the prior", high=1, depends=BY_ENCODER),
)
ACTIVE = 0.01  # variance of its mean over the data above which a unit is active (Burda et al. 2016)


def separation(z: Array, label: Array) -> dict[str, estimate.Estimate]:
  """How far classes [N] lie apart among codes [N, D], which are in random order.

  Returns: linear_probe and knn, the accuracy of a logistic regression and of 5 nearest neighbours, both
    taught half of the codes and asked about the other; chance, of always naming the most frequent class of
    those; silhouette.
  """
  half, found = len(z) // 2, {}
  several = len(np.unique(label[:half])) > 1  # else there is nothing to be taught
  teach, ask = (z[:half], label[:half]), (z[half:], label[half:])
  models = (
    {
      "linear_probe": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
      "knn": KNeighborsClassifier(min(NEIGHBOURS, half)),
    }
    if several
    else {}
  )
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of fits that stop early: their accuracy is what it is
    for name, model in models.items():
      found[name] = estimate.share(model.fit(*teach).predict(ask[0]) == ask[1])
  found["chance"] = estimate.Estimate(float(np.bincount(ask[1]).max() / len(ask[1])))
  found["silhouette"] = estimate.jackknife(silhouette, z, label)
  return found


def silhouette(z: Array, label: Array) -> float:
  """Mean silhouette of codes [N, D]; NaN where there are as many classes as codes, or one."""
  return float(silhouette_score(z, label)) if 1 < len(np.unique(label)) < len(z) else np.nan


def active_units(mean: Array) -> float:
  """Units whose mean varies over images [N, D] by more than 0.01 (Burda et al. 2016); NaN of one image."""
  return float((mean.var(0, ddof=1) > ACTIVE).sum()) if len(mean) > 1 else np.nan


def two_sample(x: Array, y: Array, rng: np.random.Generator) -> tuple[float, float]:
  """Energy distance of two samples [N, D] and [M, D], and how often chance alone gives as large a one.

  2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo 2013), with the p value of a permutation test.
  """
  n, both = len(x), np.concatenate([x, y])
  distance = cdist(both, both)

  def energy(first: Array) -> float:
    """The distance, `first` [N + M] telling who is in the first sample."""
    a, b = first / n, (1 - first) / (len(both) - n)
    within = a @ distance @ a * n / (n - 1) + b @ distance @ b * (len(both) - n) / (len(both) - n - 1)
    return float(2 * a @ distance @ b - within)

  member = (np.arange(len(both)) < n).astype(float)
  seen = energy(member)
  chance = [energy(rng.permutation(member)) for _ in range(PERMUTATIONS)]
  return seen, (1 + sum(value >= seen for value in chance)) / (1 + PERMUTATIONS)


def plane(z: Array, seed: int) -> tuple[Array, str]:
  """Returns codes [N, D] in two dimensions, and by what: as they are, or by t-SNE (van der Maaten 2008)."""
  if z.shape[1] == 2:
    return z, "the latents"
  if z.shape[1] == 1:
    return np.column_stack([z[:, 0], np.random.default_rng(seed).uniform(size=len(z))]), "the latent, spread"
  if not np.ptp(z, 0).any():
    return np.zeros((len(z), 2)), "all codes are one"
  few = PCA(min(50, *z.shape), random_state=seed).fit_transform(z)
  near = min(30, (len(z) - 1) / 3)
  return TSNE(2, perplexity=near, init="pca", random_state=seed).fit_transform(few), "t-SNE"


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  if not subject.encode:
    return "it needs an encoder; --encoder_steps=1000 fits one"
  return f"it needs {LEAST} test images" if len(subject.test.image) < LEAST else ""


def probe(subject: Subject, options: Options) -> Found:
  """Looks at the codes of test images.

  Returns: See `separation`. Of a VAE, kl in nats and active_units; of all, the aggregate posterior against
    the prior: variance of its codes, the norm of their mean (mean_norm; mean_norm_prior is that of as many
    draws of the prior), energy distance and p_value of a two-sample test.
  """
  assert subject.encode
  image, label = subject.test
  z = subject.encode(image, label)
  numbers, detail, notes = {}, {"images": len(z), "encoder": subject.encoder}, []
  if len(np.unique(label)) > 1:
    numbers |= separation(z, label)
    if "knn" not in numbers:
      notes.append(
        "no linear probe and no neighbours: half of the images, which teach them, are of one class"
      )
  else:
    notes.append("no separation of classes: the data have one")
  drawn, rng = subject.draw(image) if subject.draw else z, options.rng(0)
  if subject.told:
    mean, told = subject.told(image)
    numbers["kl"] = estimate.mean(told.sum(1))
    numbers["active_units"] = estimate.bootstrap(active_units, mean, resamples=200)
    detail["kl_per_unit"] = told.mean(0).round(4).tolist()
  elif subject.draw:
    notes.append("no KL of each latent: q(z | x) is no Gaussian")
  prior = rng.standard_normal(drawn.shape)
  numbers["variance"] = estimate.jackknife(lambda x: x.var(0, ddof=1).mean(), drawn)
  for name, codes in (("mean_norm", drawn), ("mean_norm_prior", prior)):
    numbers[name] = estimate.jackknife(lambda x: np.linalg.norm(x.mean(0)), codes).within(0, np.inf)
  energy, p = two_sample(drawn, prior, rng)
  numbers |= {"energy_distance": estimate.Estimate(energy), "p_value": estimate.Estimate(p)}
  if len(drawn) > drawn.shape[1]:
    detail["aggregate"] = moments = aggregate(drawn)
    if np.isinf(moments["kl"]):
      notes.append("the KL of the aggregate posterior is infinite: the covariance of the codes is singular")
  return Found(numbers, lambda: draw(subject, z, drawn, options.seed), detail, tuple(notes))


def draw(subject: Subject, z: Array, drawn: Array, seed: int) -> Figure:
  """Draws the codes by class, in two principal components and by t-SNE, and their moments."""
  pictures = [plane(z, seed)]
  if z.shape[1] > 2 and np.ptp(z, 0).any():
    pictures.append((PCA(2).fit_transform(z), "principal components"))
  sheet, (*scatters, moments) = figures.plots(len(pictures) + 1, "codes of test images")
  names = figures.distinct(subject.classes, 24)
  for axis, (points, how) in zip(scatters, pictures, strict=True):
    for c, name in enumerate(names):
      mine, (colour, marker) = points[subject.test.label == c], figures.colour_and_marker(c)
      axis.scatter(*mine.T, s=4, color=colour, marker=marker, label=name, linewidths=0)
    axis.set_title(how, fontsize=8)
  if len(names) > 1:
    figures.legend_below(sheet, scatters[0], names)
  order = np.argsort(-drawn.std(0))
  lines = {"mean": drawn.mean(0)[order], "standard deviation": drawn.std(0)[order]}
  x = np.arange(drawn.shape[1])
  figures.curves(moments, x, lines, "latents, by standard deviation", "of the aggregate posterior")
  for level in (0, 1):
    moments.axhline(level, color="grey", linewidth=0.5)
  return sheet
