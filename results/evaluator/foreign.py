"""Collects the scores of images from another program and of runs in foreign.json, and prints them as a table.

python -m results.evaluator.foreign NAME=RECORD.json ... NAME=WORKDIR ...
"""

import json
import pathlib
import sys

from gengap.errors import InputError
from results import tables
from results.evaluator.scores import read

HERE = pathlib.Path(__file__).parent
ROWS = ("frechet", "frechet_ratio", "fd_infinity", "kid", "precision", "recall", "density", "coverage")
ROWS += ("clipped_density", "clipped_coverage", "classes", "kl", "unsure", "vendi", "sharpness")


def samples(path: str) -> dict:
  """Returns the scores of the samples of a record of images, or of a workdir."""
  return json.loads(pathlib.Path(path).read_text())["samples"] if path.endswith(".json") else read(path)


def main(pairs: list[str]) -> None:
  found = {name: samples(path) for name, _, path in (pair.partition("=") for pair in pairs)}
  if len({seen["fingerprint"] for seen in found.values()}) != 1:
    raise InputError("the images were judged by different protocols: they do not go into one table")
  compact = {
    name: {
      row: {"value": score["value"], "spread": score.get("spread"), "floor": score["floors"]["test"]}
      for row, score in seen["scores"].items()
    }
    for name, seen in found.items()
  }
  protocol = next(iter(found.values()))["protocol"]
  text = json.dumps({"protocol": protocol, "scores": compact}, separators=(",", ":"))
  (HERE / "foreign.json").write_text(text + "\n")
  rows = []
  for row in ROWS:
    scores = [seen[row] for seen in compact.values()]
    rows.append([f"`{row}`", f"{scores[0]['floor']:.4g}", *(f"{score['value']:.4g}" for score in scores)])
  print(tables.markdown(["", "real images", *found], rows))


if __name__ == "__main__":
  main(sys.argv[1:])
