"""The pictures that probes drew of the best VAE and the best GAN."""

import io
import pathlib
from typing import NamedTuple

from PIL import Image

from gengap.probes import PROBES
from gengap.report import grids, webp
from gengap.report.groups import Comparison, Group
from gengap.report.record import Record
from gengap.report.selection import best_pair
from gengap.report.views import equal_updates

SHOWN = ("interpolation", "traversal", "inversion")
KINDS = (".png", ".webp")
MOST_BYTES = 100_000  # of a picture


class ProbePicture(NamedTuple):
  """The picture of a probe of a method."""

  probe: str
  method: str
  family: str
  seed: int
  step: int
  path: pathlib.Path
  stored: str  # path beside a page

  @property
  def data(self) -> bytes:
    """The picture as a WebP file. A file that is WebP is as it is.

    Raises:
      OSError: the file is no picture.
    """
    if self.path.suffix == ".webp":
      return self.path.read_bytes()
    with Image.open(io.BytesIO(self.path.read_bytes())) as opened:
      return webp.within(opened.convert("RGB"), MOST_BYTES)


def found(comparison: Comparison) -> dict[str, list[ProbePicture]]:
  """Returns the pictures by the question of their probe, one for each of the two methods or for the only one.

  Where a method has no picture of a probe, that of another method of its family stands for it.
  """
  groups, by_question = best_pair(comparison) or comparison.by_default.groups[:1], {}
  for probe in SHOWN:
    candidates = [[group, *alike(comparison, group)] for group in groups]
    pictures = [
      next(filter(None, (picture_of(comparison, one, probe) for one in row)), None) for row in candidates
    ]
    if shown := list(dict.fromkeys(filter(None, pictures))):
      by_question[PROBES[probe].question] = shown
  return by_question


def alike(comparison: Comparison, group: Group) -> list[Group]:
  """Returns the other methods of a method's family."""
  others = (other for other in comparison.by_default.groups if other.name != group.name)
  return [other for other in others if other.family is group.family]


def picture_of(comparison: Comparison, group: Group, probe: str) -> ProbePicture | None:
  """Returns the picture of the first run that has one, at equal updates if possible; None: no run has."""
  for seed, record in sorted(group.records.items()):
    if by_step := files(record, probe):
      step = grids.last_up_to(by_step, equal_updates(comparison.groups))
      stored = f"{grids.folder(comparison.title, group.name, seed)}/probes/{step}/{probe}.webp"
      return ProbePicture(probe, group.name, group.family.name, seed, step, by_step[step], stored)
  return None


def files(record: Record, probe: str) -> dict[int, pathlib.Path]:
  """Returns the pictures of a probe of a run: step -> file."""
  folder = record.workdir if record.has_folder else record.samples
  paths = (
    [path for path in sorted(folder.glob(f"probes/*/{probe}.*")) if path.suffix in KINDS] if folder else []
  )
  return {int(path.parent.name): path for path in paths if path.parent.name.isdecimal()}
