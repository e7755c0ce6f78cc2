"""The first screen of the page: for each data set what both families give up, by how much, and how surely."""

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from gengap.evaluation.quantities import Better
from gengap.report import dumbbell, gaps, grids, selection, summary, verdicts, webp
from gengap.report.charts import Chart
from gengap.report.gaps import Contest, Gap
from gengap.report.grids import MARGIN
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell
from gengap.report.verdicts import Verdict
from gengap.report.wording import counted, rounded

NAMED = 2  # axes that are named of each method
ROWS = 7  # of the chart that is always open
ACROSS, DOWN = 4, 2  # samples of a method


class Loss(NamedTuple):
  """What one of two methods gives up."""

  name: str  # of its family if the families differ, else its own
  family: str
  axes: list[tuple[str, str]]  # title of a number, and its values in words
  more: int  # axes that are not named


class Thumbnail(NamedTuple):
  """A few samples of a method, or real images."""

  source: str  # data URI
  width: int  # pixels
  height: int
  name: str
  family: str  # "" for real images
  method: str


class Answer(NamedTuple):
  """The answer for one data set."""

  asked: bool  # whether a VAE is compared with a GAN, as the page's title asks
  one_run: bool  # of each method, so that nothing can be decided
  losses: list[Loss]
  certainty: str
  basis: str  # methods, seeds and budget
  reason: str  # why nothing is compared; "" if something is
  charts: list[Chart]  # of the largest differences, and of the others
  strip: list[Thumbnail]


def answer(comparison: Comparison) -> Answer:
  """Returns the answer for one data set."""
  contests = gaps.contests(comparison)
  first = contests[0] if contests else None
  pair = (first.a, first.b) if first else ()
  strip = thumbnails(comparison, pair or comparison.by_default.groups[:2])
  asked = selection.is_asked(comparison)
  if not first or not first.gaps:
    reason = " ".join(summary.paragraphs(comparison)[0])
    return Answer(asked, False, [], "", "", reason, [], strip)
  ranked = dumbbell.ranked(first)
  parts = [part for part in (ranked[:ROWS], ranked[ROWS:]) if part]
  return Answer(
    asked,
    first.single_runs,
    [loss(first, -1), loss(first, 1)],
    certainty(first.gaps, first.single_runs),
    basis(first),
    "",
    [dumbbell.dumbbells(comparison, first, part) for part in parts],
    strip,
  )


def called(group: Group, other: Group) -> str:
  """Returns the name of a method's family if the other one is of another family; else its own name."""
  return f"the {group.family.name}" if group.family is not other.family else group.name


def loss(contest: Contest, sign: int) -> Loss:
  """Returns what a method gives up: of a pair the first if the sign is -1, the second if it is 1."""
  own, other = (contest.a, contest.b) if sign < 0 else (contest.b, contest.a)
  lost = contest.lost(sign)
  axes = [(gap.axis.quantity.title, values(gap, mine, others)) for gap, mine, others in lost[:NAMED]]
  return Loss(called(own, other), own.family.name, axes, len(lost) - len(axes))


def values(gap: Gap, own: Cell, other: Cell) -> str:
  """Returns both methods' values on an axis and that of real images, in words."""
  told = f"{rounded(own.estimate.value)} against {rounded(other.estimate.value)}"
  return f"{told}, real {rounded(gap.real)}" if gap.axis.quantity.better is Better.REAL else told


def certainty(found: Sequence[Gap], single_runs: bool) -> str:
  """Returns how many differences are decided, undecided, small or not tested."""
  if single_runs:
    return "One run each: no difference can be told from that between two runs of one method."
  said = [verdicts.verdict(gap) for gap in found]
  names = {
    Verdict.DECIDED: "decided",
    Verdict.UNDECIDED: "undecided",
    Verdict.SMALL: "no larger than a small bound",
    Verdict.UNTESTED: "not tested",
  }
  parts = [f"{said.count(verdict)} {words}" for verdict, words in names.items() if said.count(verdict)]
  return f"Of {counted(len(said), 'difference')}, {', '.join(parts)}."


def basis(contest: Contest) -> str:
  """Returns which methods are compared, with their seeds and their budget."""
  pair = contest.a, contest.b
  seeds = [len(group.records) for group in pair]
  told = f"{pair[0].name} and {pair[1].name}: "
  told += f"{counted(seeds[0], 'seed')} each" if seeds[0] == seeds[1] else f"{seeds[0]} and {seeds[1]} seeds"
  if all(group.trained for group in pair):
    return f"{told}, {contest.step:,} generator updates each"
  return f"{told}, at an unknown budget"


def thumbnails(comparison: Comparison, groups: Sequence[Group]) -> list[Thumbnail]:
  """Returns the first samples of some methods and of real images, as far as there are pictures."""
  found = []
  by_method = {grid.method: grid for grid in grids.grids(comparison.by_default)}
  families = {group.name: group.family.name for group in groups}
  for name in (*families, ""):
    if grid := by_method.get(name):
      with contextlib.suppress(OSError, ValueError):  # the section of samples says why it cannot be shown
        image = first_samples(grids.shrunk(grid), grid.size)
        source = grids.uri(webp.lossless(image), "webp")
        family = families.get(name, "")
        found.append(Thumbnail(source, *image.size, name or "real images", family, name))
  return found


def first_samples(picture: bytes, size: int) -> Image.Image:
  """Returns the first samples of a grid, in two rows.

  Raises:
    OSError: the bytes are no picture.
  """
  with Image.open(io.BytesIO(picture)) as opened:
    image = opened.convert("RGB")
  cell = size + MARGIN
  return image.crop((0, 0, min(image.width, ACROSS * cell + MARGIN), min(image.height, DOWN * cell + MARGIN)))
