"""Builds a report: reads runs, compares them, writes the page."""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gengap.errors import InputError
from gengap.report import gallery, groups, inputs, page, scores_file
from gengap.report.claims import cards
from gengap.report.groups import Comparison
from gengap.storage import paths


class Report(NamedTuple):
  """A report that was written."""

  page: pathlib.Path
  scores: pathlib.Path  # from which the page can be made again
  comparisons: tuple[Comparison, ...]  # one for each data set
  left_out: tuple[str, ...]  # runs and files that could not be read, and why


def make(
  workdirs: Iterable[paths.Path], out: paths.Path, claims: paths.Path | None = None, command: str = ""
) -> Report:
  """Compares runs and writes out/index.html, out/scores.json and out/samples/.

  Args:
    workdirs: folders of runs, folders with runs below them, or scores.json of earlier reports.
    out: the folder to write to; it is made if missing.
    claims: a JSON file with a list of claims, see `gengap.report.claims`.
    command: what made the report, for the page's last section.

  Raises:
    InputError: an input is missing or malformed, no run was evaluated, or the folder cannot be written.
  """
  out = paths.place(out, "--out")
  paths.check_writable(out, "--out")
  rows = cards(paths.local(claims, "--claims"), out) if claims else []
  records, left_out = inputs.read_all(inputs.find_runs(workdirs))
  comparisons = groups.comparisons(records)
  if not any(record.scores for record in records):
    raise InputError(
      "--workdirs: none of these runs was evaluated; first, for each: python -m gengap.evaluate --workdir=DIR"
      + "".join(f"; left out: {reason}" for reason in left_out[:1])
    )
  with refuse_unwritable(out):
    out.mkdir(parents=True, exist_ok=True)  # before the page is rendered, which takes a while
  galleries = list(map(gallery.of, comparisons))
  html = page.render(comparisons, rows, command, left_out, galleries)
  report = Report(out / "index.html", out / "scores.json", tuple(comparisons), tuple(left_out))
  with refuse_unwritable(out):
    for name, content in (file for one in galleries for file in one.files.items()):
      paths.write(out / name, content)
    paths.write(report.scores, scores_file.store(comparisons).encode())
    paths.write(report.page, html.encode("utf-8", "replace"))
  return report


@contextlib.contextmanager
def refuse_unwritable(out: pathlib.Path) -> Iterator[None]:
  """Turns an error of writing into an InputError that names the folder."""
  try:
    yield
  except OSError as error:
    raise InputError(f"--out={out} cannot be written: {error.strerror}") from error
