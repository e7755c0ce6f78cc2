"""Statistics of the sets of real images that samples are compared with, and that floors are of."""

from typing import NamedTuple

import numpy as np

from gengap.data.subset import stratified
from gengap.evaluation.extractors import Extractors
from gengap.evaluation.image_statistics import ImageStatistics
from gengap.evaluation.image_statistics import compute as statistics_of
from gengap.evaluation.pieces import Pieces
from gengap.evaluation.references import HALF, OF_STATISTICS, References
from gengap.metrics.frechet import Moments, moments

FIRST_HALF = "first half"  # what the set HALF is compared with


class RealSets(NamedTuple):
  """Sets of real images by name, see `References.chosen`; also FIRST_HALF and HALF."""

  chosen: dict[str, np.ndarray]  # numbers of their images
  statistics: dict[str, ImageStatistics]
  crc32: dict[str, int]  # of their pixels


def compute(
  references: References, extractors: Extractors, number: int, used: set[str], needs: frozenset[str]
) -> RealSets:
  """Computes the statistics of real images.

  Args:
    references: the real images.
    extractors: of features and classes.
    number: of samples.
    used: names of the sets.
    needs: names of the statistics.
  """
  found = RealSets({}, {}, {})
  used = used | ({"real"} if HALF in used else set())
  for name, (data, index) in references.chosen(number).items():
    if name in used:
      halved = name == "real" and HALF in used
      half = np.isin(np.arange(len(index)), stratified(data.label[index], len(index) // 2, 2)) & halved
      wanted = needs | ({"features"} if halved and "moments" in needs else set())
      pieces = Pieces(data.image, index, f"real images ({name})", half)
      found.chosen[name] = index
      found.statistics[name] = statistics_of(pieces, extractors.with_cache(), wanted, data.label[index])
      found.crc32[name] = pieces.crc32
      if halved:
        found.statistics[FIRST_HALF], found.statistics[HALF] = split(found.statistics[name], half)
        found.crc32[HALF] = pieces.crc32_of_part
  if saved := references.statistics:
    faults = dict.fromkeys(needs, OF_STATISTICS)
    found.statistics["real"] = ImageStatistics(number, {"moments": saved.moments}, faults)
    found.crc32["real"] = saved.crc32
  return found


def split(statistics: ImageStatistics, second: np.ndarray) -> tuple[ImageStatistics, ImageStatistics]:
  """Returns the statistics of both halves of a set of images.

  Args:
    statistics: of all images; moments need their features.
    second: [N] bool, images of the second half.
  """
  return part(statistics, ~second), part(statistics, second)


def part(statistics: ImageStatistics, chosen: np.ndarray) -> ImageStatistics:
  """Returns the statistics of some images."""
  computed = {}
  for name, value in statistics.computed.items():
    if isinstance(value, Moments):
      if "features" in statistics:
        computed[name] = moments(statistics["features"][chosen])
    elif isinstance(value, dict):
      computed[name] = {key: rows[chosen] for key, rows in value.items()}
    else:
      computed[name] = value[chosen]
  label = None if statistics.label is None else statistics.label[chosen]
  return ImageStatistics(int(chosen.sum()), computed, statistics.faults, label)


def floor_name(floor_set: str) -> str:
  """Returns the name by which results call a set of real images that floors are of."""
  return "reference" if floor_set == "real" else floor_set.removeprefix("floor ")
