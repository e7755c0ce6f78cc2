"""Writes the page and the README of this folder.

python -m results.gap [--workdirs=runs/gap]

By default they are made from scores.json, which a page of the runs wrote.
"""

import pathlib

from gengap import cli, report
from launch.parser import Parser
from results.gap import readme

HERE = pathlib.Path(__file__).parent


def main() -> None:
  """Makes the page, then the README from the scores beside it."""
  parser = Parser(__doc__)
  parser.add_argument("--workdirs", default=HERE / "scores.json", type=pathlib.Path)
  made = report.make([parser.parse_args().workdirs], HERE, HERE.parent / "claims.json", cli.command())
  readme.write()
  print(f"{made.page}: {made.page.stat().st_size / 1e6:.2f} MB", *made.left_out, sep="\nleft out: ")


if __name__ == "__main__":
  main()
