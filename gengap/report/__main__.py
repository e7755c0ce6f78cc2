"""Makes one HTML page of runs: what VAEs give up, what GANs give up, how wide the gap is, how sure that is.

  python -m gengap.report --workdirs=DIR,DIR,... --out=DIR [--claims=FILE.json]

A folder stands for all runs below it. Runs of one data set that differ in their seed alone are one method.
A column holds numbers of one protocol; what was taken by another one is a dash with its reason. A folder with
a comma in its name is taken as it is; so is each --workdirs, which may be given several times. Reads what
`gengap.main`, `gengap.evaluate` and `gengap.probe` wrote, and writes OUT/index.html, which needs nothing
else; and OUT/scores.json and OUT/samples/, from which `--workdirs=OUT/scores.json` makes the page again.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator

from gengap import cli, log, paths
from gengap.errors import InputError
from gengap.report import grids, groups, page, sources, stored
from gengap.report.records import Json

FLAGS = cli.flags()
WORKDIRS = cli.define_paths(
  "workdirs",
  "Folders of runs, folders with runs below them, or scores.json of reports; with commas, or the flag again.",
  FLAGS,
)
OUT = cli.define_path("out", "Folder of the page; made where missing.", FLAGS)
CLAIMS = cli.define_path("claims", "JSON list of claims and what was measured of each.", FLAGS)

FIELDS = ("id", "claim", "measured", "n", "budget", "verdict", "where")
VERDICTS = ("supported", "not supported", "depends", "not tested")


def claims(path: pathlib.Path) -> list[Json]:
  """Returns the claims in a file.

  Raises:
    InputError: it cannot be read, or a claim lacks a field or has another verdict.
  """
  try:
    found = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f"--claims={path} cannot be read ({cli.one_line(error)})") from error
  if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
    raise InputError(f"--claims={path} is no list of objects")
  for i, row in enumerate(found):
    if lacking := [field for field in FIELDS if field not in row]:
      raise InputError(f"--claims={path}: claim {row.get('id', i)!r} lacks {lacking[0]!r}")
    if wrong := [field for field in FIELDS if not isinstance(row[field], str)]:
      raise InputError(f"--claims={path}: {wrong[0]!r} of claim {row['id']!r} is no text")
    if not any(str(row["verdict"]).startswith(verdict) for verdict in VERDICTS):
      raise InputError(
        f"--claims={path}: the verdict of {row['id']!r} is {row['verdict']!r}; it must begin with one of "
        + ", ".join(VERDICTS)
      )
  return found


@contextlib.contextmanager
def writing(out: pathlib.Path) -> Iterator[None]:
  """Tells of a folder that cannot be written."""
  try:
    yield
  except OSError as error:
    raise InputError(f"--out={out} cannot be written: {error.strerror}") from error


def main(rest: list[str]) -> None:
  """Checks the flags, then reads and writes."""
  cli.require(rest, workdirs=any(WORKDIRS.value), out=OUT.value)
  out = pathlib.Path(str(OUT.value))
  paths.check_writable(out, "--out")
  listed = claims(pathlib.Path(CLAIMS.value)) if CLAIMS.value else []
  read, faults = sources.gather(sources.folders(path for named in WORKDIRS.value for path in named))
  comparisons = groups.comparisons(read)
  if not any(record.scores for record in read):
    raise InputError(
      "--workdirs: none of these runs was evaluated; first, of each: python -m gengap.evaluate --workdir=DIR"
      + "".join(f"; left out: {fault}" for fault in faults[:1])
    )
  for fault in faults:
    log.say(f"left out: {fault}")
  with writing(out):
    out.mkdir(parents=True, exist_ok=True)  # before the page is drawn, which takes a while
  html = page.render(comparisons, listed, cli.command(), faults)
  with writing(out):
    for name, content in grids.kept(comparisons):
      paths.write(out / name, content)
    paths.write(out / "scores.json", stored.store(comparisons).encode())
    paths.write(out / "index.html", html.encode("utf-8", "replace"))
  log.say(f"written: {out / 'index.html'} ({len(html) / 1e6:.1f} MB)")


if __name__ == "__main__":
  cli.run(main, FLAGS)
