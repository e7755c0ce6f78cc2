"""Makes one HTML page from runs: what VAEs give up, what GANs give up, and how wide the gap is.

  python -m gengap.report --workdirs=DIR,DIR,... --out=DIR [--claims=FILE.json]

A folder stands for all runs below it. Runs on one data set that differ in their seed alone are one method. A
column of the page holds numbers of one protocol; a number of another protocol is a dash with its reason. The
flag --workdirs may be repeated, and a folder may have a comma in its name.

The report reads what `gengap.main`, `gengap.evaluate` and `gengap.probe` wrote. It writes OUT/index.html, a
page without external files, and OUT/scores.json and OUT/samples/, from which --workdirs=OUT/scores.json makes
the page again.

A workdir may also be a FILE.json of `gengap.evaluate --generated --out=FILE.json`: images of another program
stand beside runs. Their budget is unknown, which is a dash.
"""

from gengap.command_line import cli
from gengap.logs import log
from gengap.report.build import make

FLAGS = cli.flags()
WORKDIRS = cli.define_paths(
  "workdirs",
  "Folders of runs, folders with runs below them, records of images, or scores.json of reports; "
  "comma-separated, repeatable.",
  FLAGS,
)
OUT = cli.define_path("out", "Folder of the page; it is made if missing.", FLAGS, remote=True)
CLAIMS = cli.define_path("claims", "JSON list of claims and what was measured for each.", FLAGS)


def main(rest: list[str]) -> None:
  """Makes the report that the flags ask for."""
  cli.require(rest, workdirs=any(WORKDIRS.value), out=OUT.value)
  workdirs = [path for paths in WORKDIRS.value for path in paths]
  report = make(workdirs, OUT.value, CLAIMS.value, cli.command())
  for reason in report.left_out:
    log.say(f"left out: {reason}")
  log.say(f"written: {report.page} ({len(report.page.read_bytes()) / 1e6:.1f} MB)")


if __name__ == "__main__":
  cli.run(main, FLAGS)
