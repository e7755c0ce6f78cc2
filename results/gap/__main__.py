"""Writes the page, the figures and the README of this folder from the records of its runs.

python -m results.gap
"""

import pathlib
import shutil

from gengap import report
from gengap.command_line import cli
from launch.parser import Parser
from results import pictures
from results.claims.gap import FILES
from results.claims.numbers import RESULTS
from results.gap import figures, readme

HERE = pathlib.Path(__file__).parent


def page() -> report.Report:
  """Writes index.html, without the scores.json and samples of a report: the records hold what is in them."""
  made = report.make(sorted(RESULTS.glob(FILES)), HERE, RESULTS / "claims.json", cli.command())
  made.scores.unlink()
  shutil.rmtree(HERE / "samples")
  return made


def main() -> None:
  """Makes everything."""
  Parser(__doc__).parse_args()
  for draw in (figures.front, figures.samples, figures.distances, figures.plane):
    pictures.save(HERE / f"{draw.__name__}.webp", draw(), dpi=100)
  readme.write()
  made = page()
  print(f"{made.page}: {made.page.stat().st_size / 1e6:.2f} MB", *made.left_out, sep="\nleft out: ")


if __name__ == "__main__":
  main()
