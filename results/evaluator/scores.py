"""Collects the results of gengap.evaluate for several runs in scores.json, and prints them as a table.

python -m results.evaluator.scores NAME=WORKDIR ...
"""

import json
import pathlib
import sys

from gengap.errors import InputError
from results import tables

HERE = pathlib.Path(__file__).parent
ROWS = ("frechet", "kid", "precision", "recall", "density", "coverage", "classes", "kl", "unsure")
ROWS += ("authentic", "nearer_train", "diversity", "sharpness")


def read(workdir: str) -> dict:
  """Returns the metrics of samples at the last step that was evaluated."""
  files = [path for path in pathlib.Path(workdir).glob("eval/*.json") if path.stem.isdecimal()]
  if not files:
    raise InputError(f"{workdir} has no eval/STEP.json")
  return json.loads(max(files, key=lambda path: int(path.stem)).read_text())["samples"]


def main(pairs: list[str]) -> None:
  found = {name: read(workdir) for name, _, workdir in (pair.partition("=") for pair in pairs)}
  if len({seen["fingerprint"] for seen in found.values()}) != 1:
    raise InputError("the runs were judged by different protocols: they do not go into one table")
  (HERE / "scores.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
  rows = []
  for row in ROWS:
    scores = [seen["scores"][row] for seen in found.values()]
    floor = scores[0]["floors"]["test"]
    cells = ["" if floor is None else f"{floor:.4g}"]
    cells += [f"{score['value']:.4g} ({score['spread']:.2g})" for score in scores]
    rows.append([row, *cells])
  print(tables.markdown(["", "floor", *found], rows))


if __name__ == "__main__":
  main(sys.argv[1:])
