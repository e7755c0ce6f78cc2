"""What the reports say of differences between rows, and whether the seeds decide it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from results.claims.numbers import Sample, Test, beside, less, outcomes, probability

REAL = "real images"
WORDS = {1: "as the report has it", -1: "against the report", 0: "not decided"}
Places = Mapping[str, Any]  # row -> what scores.json has of it


class Check(NamedTuple):
  """A number of one row is smaller than that of another row or of real images."""

  claim: str
  number: str
  smaller: str
  larger: str


def of_six(data: str) -> tuple[Check, ...]:
  """Returns what is said of VAE, GAN and conditional GAN on a data set."""
  vae, gan, cgan = (f"E10_{data}_{name}" for name in ("vae", "gan", "cgan"))
  return (
    Check("E10", "unsure", cgan, gan),
    Check("E10", "unsure", vae, gan),
    Check("E10", "sharpness", vae, REAL),
    Check("A12", "precision", vae, gan),
    Check("A12", "recall", gan, vae),
    Check("A12", "kl", vae, gan),
  )


CHECKS = (
  Check("C3", "frechet", "C2_bird", "C1_bird"),
  Check("C3", "frechet", "C3_bird", "C2_bird"),
  Check("C3", "frechet", "C3_bird", "C1_bird"),
  Check("C3", "frechet", "C2_cub200", "C1_cub200"),
  Check("C3", "frechet", "C3_cub200", "C2_cub200"),
  Check("C3", "frechet", "C3_cub200", "C1_cub200"),
  Check("C6", "reconstruction", "ae_128", "ae_16"),
  Check("C6", "reconstruction", "ae_1024", "ae_128"),
  Check("C8", "reconstruction", "vae_0.8", "vae_1.0"),
  Check("C8", "reconstruction", "vae_1.0", "vae_1.2"),
  Check("C8", "kl", "vae_1.0", "vae_0.8"),
  Check("C8", "kl", "vae_1.2", "vae_1.0"),
  Check("C9", "total", "vae_linear", "vae_1.0"),
  Check("B9", "radius", REAL, "B9_vae"),
  Check("B9", "radius_std", REAL, "B9_vae"),
  Check("B9", "streaks", REAL, "B9_vae"),
  Check("B9", "radius", REAL, "B9_gan"),
  Check("B10", "streaks", REAL, "B10_vae"),
  Check("B10", "radius", REAL, "B10_gan"),
  *of_six("mnist"),
  *of_six("fashion_mnist"),
)


def values(place: Mapping[str, Any], number: str) -> list[float]:
  """Returns a number of every seed of a row."""
  return [seed["scores"][number] for seed in place["seeds"].values() if number in seed.get("scores", {})]


def test(check: Check, places: Places) -> Test | None:
  """Returns the smaller number less the larger one, tested; None if one of them was not measured."""
  name = check.larger if check.smaller == REAL else check.smaller
  if name not in places or not (mine := values(places[name], check.number)):
    return None
  if REAL in check:
    floor = places[name]["shared"]["floors"].get(check.number)
    return None if floor is None else beside(Sample(mine), floor, 1 if check.smaller == REAL else -1)
  if check.larger not in places or not (other := values(places[check.larger], check.number)):
    return None
  return less(Sample(mine), Sample(other), -1)


def rows(places: Places, checks: Sequence[Check] = CHECKS) -> list[list[str]]:
  """Returns for every check that was measured: claim, what is said, difference, p and verdict.

  p is adjusted for all checks of a claim (Holm).
  """
  tests = [(check, found) for check in checks if (found := test(check, places))]
  lines = []
  for claim in dict.fromkeys(check.claim for check, _ in tests):
    mine = [(check, found) for check, found in tests if check.claim == claim]
    for (check, found), (outcome, p) in zip(mine, outcomes([t for _, t in mine]), strict=True):
      tested = math.isfinite(p)
      about = f"{check.number}: {check.smaller} below {check.larger}"
      verdict = WORDS[outcome] if tested else "not tested: it needs two seeds that differ"
      lines.append([claim, about, str(found), probability(p) if tested else "-", verdict])
  return lines
