"""Scores samples beside real images: every metric with its floor and the protocol that it depends on.

The floor of a number is the metric of real images in the place of samples: the same code, the same references
and, if there are enough, as many images. A perfect generator is at the floor, which is not the best value of
the metric. The images are training images that are not among the references ("train"). For a number that
depends on a trained classifier they are validation images ("validation"), because a classifier is more
confident about its own training images than about others. Of a given reference without training images they
are other images of the reference or, if there are too few, one half of it beside the other half.
"""

import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from gengap.data.image_sets import Shape
from gengap.errors import InputError
from gengap.evaluation import cached, protocol, ratios, real_sets, saved_statistics
from gengap.evaluation.comparisons import POINTS, SPREAD, ImageSets, mean_points
from gengap.evaluation.extractors import OF_FEATURES, Extractors
from gengap.evaluation.image_statistics import ImageStatistics, compute
from gengap.evaluation.real_sets import FIRST_HALF, floor_name
from gengap.evaluation.references import HALF, References
from gengap.evaluation.result import Evaluation
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.samples import Samples
from gengap.evaluation.types import Score
from gengap.features.types import Images

Numbers: TypeAlias = dict[str, Any]


class SampleEvaluator:
  """Scores any number of checkpoints, or sets of images, against the same real images."""

  def __init__(
    self,
    references: References,
    extractors: Extractors,
    names: Iterable[str],
    number: int,
    meaningless: Mapping[str, str] | None = None,
  ):
    """Computes the statistics of the real images, and the floors.

    A metric that lacks something, such as enough images or a classifier, is skipped with its reason.

    Args:
      references: the real images.
      extractors: of features and classes.
      names: of METRICS.
      number: of samples, and of real images of each set if there are as many.
      meaningless: metric -> why it means nothing for the samples.
    """
    self.references, self.extractors, self.number = references, extractors, number
    reasons = {
      name: (meaningless or {}).get(name)
      or references.missing(name)
      or extractors.missing(METRICS[name].needs)
      or references.too_few(name, number)
      for name in names
    }
    self.skipped = {name: reason for name, reason in reasons.items() if reason}
    self.metrics = {name: METRICS[name] for name, reason in reasons.items() if not reason}
    self.needs: frozenset[str] = frozenset().union(*(m.needs | m.likes for m in self.metrics.values()))
    self.floor_sets = {name: self.choose_floor_set(name) for name in self.metrics}
    self.compared = {kind.value for metric in self.metrics.values() for kind in metric.sets}
    used = self.compared | set(self.used_floors())
    self.chosen, self.real, self.crc = real_sets.compute(references, extractors, number, used, self.needs)
    self.skipped |= (narrow := self.too_few_for_features())
    self.metrics = {name: metric for name, metric in self.metrics.items() if name not in narrow}
    sets: dict[str, tuple[int | None, int]] = {
      name: (self.real[name].number, self.crc[name]) for name in ("real", "train") if name in self.compared
    }
    if saved := references.statistics:
      sets["real"] = saved.number, saved.protocol.get("real_crc32", saved.crc32)
    self.protocol = protocol.build(
      references.split,
      number,
      sets,
      extractors.features.protocol if extractors.features else None,
      extractors.classifier.protocol if extractors.classifier else None,
      references.changes,
    )
    self.floors = {name: self.floor(name) for name in self.metrics}

  def save_statistics(self, path: pathlib.Path, shape: Shape) -> None:
    """Writes mean and covariance of the real features, with the protocol that they depend on.

    Args:
      path: of the .npz file.
      shape: [H, W, C] of the images.

    Raises:
      InputError: they could not be computed.
    """
    fields = ("split", "real", "real_crc32", "quantised", "version", "features", "resized")
    about = {name: self.protocol[name] for name in fields if name in self.protocol}
    about |= self.references.record(shape)
    saved_statistics.write(path, self.real["real"]["moments"], about)

  def too_few_for_features(self) -> dict[str, str]:
    """Returns the metrics that need more images for so many features, and why."""
    real, reasons = self.real.get("real"), {}
    for name, metric in self.metrics.items():
      if real and metric.per_feature and "features" in real:
        number, width = min(self.number, real.number), real["features"].shape[1]
        if number < metric.per_feature * width:
          reasons[name] = (
            f"{name} needs at least {metric.per_feature * width} samples and reference images, "
            f"{metric.per_feature} for each of {width} features, and there are {number}"
          )
    return reasons

  def choose_floor_set(self, name: str) -> str | None:
    """Returns the set of real images that the floor of a metric is of; None if there is none.

    A metric that compares with no other images has its floor of all images of a given reference.
    """
    floor_set = self.references.floor_set(self.of_classifier(name), self.number)
    return "real" if floor_set == HALF and not METRICS[name].sets else floor_set

  def of_classifier(self, name: str) -> bool:
    """Whether a metric depends on a network that was trained on the training images."""
    needs, features = METRICS[name].needs, self.extractors.features
    return "named" in needs or bool(features and features.trained and needs & OF_FEATURES)

  def used_floors(self) -> list[str]:
    """Returns the sets of real images that floors are of."""
    return sorted({name for name in self.floor_sets.values() if name})

  def notes(self) -> list[str]:
    """Returns what a reader of the scores must know about the sets of real images."""
    split, notes = self.references.split, []
    if "real" in self.real and (real := self.real["real"].number) < self.number:
      notes.append(f"{self.number} samples are compared with {real} {split} images: there are no more")
    fewer = [name for name in self.used_floors() if self.real[name].number < self.number]
    notes += [
      f"floors are of {self.real[name].number} {floor_name(name)} images, fewer than the "
      f"{self.number} samples: recall, coverage and the Frechet distance get worse with fewer images"
      for name in fewer
      if name != HALF
    ]
    if HALF in self.real:
      notes.append(
        f"floors compare {(half := self.real[HALF].number)} reference images with the others: there are no "
        f"training images (--training) and fewer than {2 * self.number} reference images. The Frechet "
        "distance, recall and coverage of so few are worse; equal numbers need training images or "
        f"--num_samples={half}"
      )
    if any(self.floor_sets[name] == "floor train" and self.of_classifier(name) for name in self.metrics):
      notes.append(
        "no images are held out: floors use images that the classifier was trained on, and are too good"
      )
    return notes

  def floor(self, name: str) -> Numbers:
    """Returns a metric's numbers of real images in the place of samples, by name; cached on disk.

    If they cannot be computed, returns {"reason": why}.
    """
    if not (floor_set := self.floor_sets[name]):
      return {"reason": "floors need more real images than the reference: give --training=IMAGES"}

    def measured() -> Numbers:
      try:
        if floor_set == HALF:
          return self.measure(name, self.real[HALF], self.real[FIRST_HALF])
        return self.measure(name, self.real[floor_set])
      except InputError as error:
        return {"reason": str(error)}

    features, needs = self.extractors.features, METRICS[name].needs | METRICS[name].likes
    if features and not features.keep and needs & OF_FEATURES:
      return measured()
    about = self.protocol | {"code": cached.code(), "floor": [floor_set, self.crc[floor_set]]}
    return cached.numbers(f"{protocol.fingerprint(about)}-{name}", measured)

  def measure(self, name: str, fake: ImageStatistics, real: ImageStatistics | None = None) -> Numbers:
    """Returns a metric's numbers of images in the place of samples.

    Args:
      name: of the metric.
      fake: the images.
      real: what they are compared with; None: the real images that samples are compared with.

    Raises:
      InputError: the metric is not defined for these images.
    """
    sets = ImageSets(real or self.real.get("real"), fake, self.real.get("train"))
    return self.metrics[name].compare(sets)

  def compare(self, pieces: Iterable[Images]) -> tuple[dict[str, Numbers], dict[str, str]]:
    """Measures any images [n, H, W, C] uint8, given in pieces.

    Returns:
      metric -> its numbers, and metric -> why it has none.
    """
    fake, found, reasons = compute(pieces, self.extractors, self.needs), {}, dict(self.skipped)
    for name in self.metrics:
      try:
        found[name] = self.measure(name, fake)
      except InputError as error:
        reasons[name] = str(error)
    return found, reasons

  def score(self, samples: Samples) -> Evaluation:
    """Scores samples. A number's value is the mean over their draws."""
    drawn, reasons = [], dict(self.skipped)
    try:
      for pieces in samples.draws:
        found, wrong = self.compare(pieces)
        drawn.append(found)
        reasons = wrong | reasons
    except InputError as error:
      reasons = dict.fromkeys(self.metrics, str(error)) | reasons
    scores: dict[str, Score] = {}
    for name, metric in METRICS.items():
      if name in reasons:
        scores |= {n: Score(None, reason=reasons[name], seeds=samples.seeds) for n in metric.names}
      elif name in self.metrics:
        scores |= self.scores(name, [found[name] for found in drawn], samples)
    return Evaluation(
      step=samples.subject.get("step"),
      weights=samples.subject.get("weights"),
      protocol=(whole := self.protocol | samples.protocol),
      fingerprint=protocol.fingerprint(whole),
      subject=samples.subject,
      floors={
        floor_name(name): {"images": self.real[name].number, "crc32": self.crc[name]}
        for name in self.used_floors()
      },
      scores=scores,
    )

  def scores(self, name: str, drawn: list[Numbers], samples: Samples) -> dict[str, Score]:
    """Returns the scores of a metric's numbers, from several draws of samples."""
    numbers = dict.fromkeys(n for found in drawn for n in found if not n.endswith((SPREAD, POINTS)))
    scores = {number: self.of_number(name, number, drawn, samples) for number in numbers}
    return scores | self.ratios(name, scores)

  def ratios(self, name: str, scores: dict[str, Score]) -> dict[str, Score]:
    """Returns the declared ratios of a metric's numbers to their floors."""
    floor_set = self.floor_sets[name]
    real = {"images": self.real[floor_set].number, "crc32": self.crc[floor_set]} if floor_set else {}
    return {
      quantity.name: ratios.over_floor(scores[quantity.ratio_of], self.number, real)
      for quantity in METRICS[name].quantities
      if quantity.ratio_of in scores
    }

  def of_number(self, name: str, number: str, drawn: list[Numbers], samples: Samples) -> Score:
    """Returns the score of one number of a metric."""
    floor, floor_set = self.floors[name], self.floor_sets[name]
    values = [float(found[number]) for found in drawn if number in found]
    redrawn = [found.get(f"{number}{SPREAD}", 0.0) ** 2 for found in drawn]
    variance = float(np.mean(redrawn)) + (float(np.var(values, ddof=1)) if len(values) > 1 else 0.0)
    known = math.isfinite(variance) and (variance > 0 or len(values) > 1)
    value, real = float(np.mean(values)), floor.get(number, math.nan)
    finite = math.isfinite(real)
    points = [found[f"{number}{POINTS}"] for found in drawn if f"{number}{POINTS}" in found]
    return Score(
      value=value if math.isfinite(value) else None,
      values=tuple(x if math.isfinite(x) else None for x in values),
      spread=math.sqrt(variance) if known else None,
      floor=real if finite else None,
      floor_of=floor_name(floor_set) if floor_set else None,
      floor_reason="" if finite else floor.get("reason", "it is not defined for the real images"),
      protocol=protocol.of_number(self.protocol | samples.protocol, name, number),
      reason="" if math.isfinite(value) else "it is not defined for these images",
      seeds=samples.seeds,
      reference=self.references.split,
      points=mean_points(points),
    )
