"""The fidelity-coverage curve: precision and coverage of samples at several temperatures, and its area.

One temperature is one compromise between fidelity and coverage. The curve shows all that a model offers; the
area under it (`gengap.metrics.tradeoff`) is one number for all temperatures. The samples of a seed have the
same latents at all temperatures, times the temperature.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gengap.errors import InputError
from gengap.evaluation import samples
from gengap.evaluation.extractors import Extractors
from gengap.evaluation.image_statistics import compute
from gengap.evaluation.quantities import Better, Block, Depends, Quantity
from gengap.evaluation.sampler import Sampler
from gengap.metrics import tradeoff
from gengap.metrics.tradeoff import Hits, Manifold

CURVE = "curve"
TEMPERATURES = (0.3, 0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5)
DIGITS = 6  # significant digits of stored points
NEEDS = frozenset({"features"})

DEPENDS = frozenset({Depends.FEATURES, Depends.REAL, Depends.SAMPLES})

BLOCKS = {  # of eval/STEP.json
  CURVE: Block(
    (
      Quantity(
        "area",
        "area under the fidelity-coverage curve",
        better=Better.REAL,
        high=1,
        depends=DEPENDS,
        hint="precision against coverage over temperatures; that of real images is their one point's",
        meaning=(
          "What samples reach in precision and coverage together over all temperatures of the latents: 1 "
          "is all of both, and the value of real images is best."
        ),
      ),
      Quantity(
        "area_at_one",
        "precision times coverage at temperature 1",
        better=Better.REAL,
        high=1,
        depends=DEPENDS,
        meaning=(
          "Precision times coverage of samples as they are drawn by default. The value of real images is "
          "best."
        ),
      ),
    ),
    frozenset({"neighbour"}),
  )
}


class RealImages(NamedTuple):
  """What curves are measured beside, computed once."""

  manifold: Manifold
  extractors: Extractors
  floor: Hits | None  # of real images in the place of samples; None: there are none
  floor_of: str  # their split
  protocol: dict[str, Any]  # that of coverage


def measure(
  sampler: Sampler,
  beside: RealImages,
  number: int,
  seeds: Sequence[int],
  temperatures: Sequence[float] = TEMPERATURES,
) -> dict[str, Any]:
  """Measures a curve.

  Args:
    sampler: of the run.
    beside: real images.
    number: of samples at each temperature.
    seeds: of the samples, one draw for each.
    temperatures: ascending.

  Returns:
    area, its interval of 95 % (area_low, area_high; see `tradeoff.estimate`), its standard deviation over
    seeds (area_spread) and that of real images (area_floor); area_at_one; `points`, means over seeds; `real`,
    the point of real images in the place of samples; seeds, neighbour and protocol.

  Raises:
    InputError: samples are not finite.
  """
  hits: list[list[Hits]] = []
  for seed in seeds:
    hits.append([])
    for temperature in temperatures:
      pieces = samples.draw(sampler, number, seed, temperature)
      hits[-1].append(beside.manifold.hits(compute(pieces, beside.extractors, NEEDS)["features"]))
  about = beside.protocol | {"temperatures": list(temperatures)} | sampler.protocol
  return described(hits, beside, temperatures) | {
    "seeds": list(seeds),
    "neighbour": beside.manifold.k,
    "protocol": about,
  }


def described(hits: list[list[Hits]], beside: RealImages, temperatures: Sequence[float]) -> dict[str, Any]:
  """Returns the numbers of a curve from the hits of each seed and temperature."""
  precision, coverage = (
    np.array([[getattr(each, kind).mean() for each in draw] for draw in hits]) for kind in ("fake", "real")
  )
  areas, whole = tradeoff.area(precision, coverage), tradeoff.estimate(hits)
  found: dict[str, Any] = {"area": whole.value, "area_low": whole.low, "area_high": whole.high}
  found |= {"area_spread": float(np.std(areas, ddof=1))} if len(areas) > 1 else {}
  floor = beside.floor and (float(beside.floor.fake.mean()), float(beside.floor.real.mean()))
  found |= {"area_floor": floor[0] * floor[1]} if floor else {}
  if 1.0 in temperatures:
    at = list(temperatures).index(1.0)
    found |= {"area_at_one": float(np.mean(precision[:, at] * coverage[:, at]))}
    found |= {"area_at_one_floor": floor[0] * floor[1]} if floor else {}
  found["points"] = {
    "temperature": list(temperatures),
    "precision": [float(f"{x:.{DIGITS}g}") for x in precision.mean(0)],
    "coverage": [float(f"{x:.{DIGITS}g}") for x in coverage.mean(0)],
  }
  return found | (
    {"real": {"precision": floor[0], "coverage": floor[1], "of": beside.floor_of}} if floor else {}
  )


def check(temperatures: Sequence[float]) -> None:
  """Checks the temperatures of a curve.

  Raises:
    InputError: there are fewer than two, or one is not above 0, or they do not ascend.
  """
  ascending = all(a < b for a, b in itertools.pairwise(temperatures))
  if len(temperatures) < 2 or not ascending or not 0 < temperatures[0] <= temperatures[-1] < np.inf:
    listed = ",".join(f"{t:g}" for t in temperatures)
    raise InputError(
      f"--temperatures={listed}: at least two ascending numbers above 0 are needed, such as 0.5,1"
    )
