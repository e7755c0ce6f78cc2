"""The commands that come after training."""

import json
import pathlib
import shlex

from gengap.method import Config


def describe(config: Config, workdir: pathlib.Path) -> str:
  """Returns the lines that end a command that has trained: where samples are, and the next commands.

  Args:
    config: of the run, or of the runs of several seeds.
    workdir: that was given, which holds run.json or a folder for each seed.
  """
  runs = [workdir / str(config.seed + i) for i in range(config.seeds)] if config.seeds > 1 else [workdir]
  generates = json.loads((runs[0] / "run.json").read_text())["generates"]
  found = commands(config, runs, workdir.parent / "report", generates)
  width = max(map(len, found))
  pictures = [f"samples: {runs[0] / 'samples' / str(config.steps)}.png"] if generates else []
  return "\n".join([*pictures, "next:", *(f"  {what:<{width}}  {text}" for what, text in found.items())])


def commands(
  config: Config, runs: list[pathlib.Path], report: pathlib.Path, generates: bool
) -> dict[str, str]:
  """Returns what a user may want next -> the command that does it.

  Args:
    config: of the runs.
    runs: their workdirs.
    report: folder of a page.
    generates: whether the method generates images.
  """
  if config.method == "classifier":
    return {"features for a run": command("evaluate", workdir="RUN", classifier=runs[0])}
  blobs = config.dataset.startswith("blobs")
  kind = ({"metrics": "blobs"} if blobs else {"classifier": "train"}) if generates else {}
  return {
    "scores": command("evaluate", workdir=runs[0], **kind),
    "latent space": command("probe", workdir=runs[0], probes="traversal", features="pixels"),
    "page": command("report", workdirs=",".join(map(str, runs)), out=report),
  }


def command(module: str, **flags: object) -> str:
  """Returns a command of gengap, quoted for a shell."""
  return shlex.join(
    ["python", "-m", f"gengap.{module}", *(f"--{name}={value}" for name, value in flags.items())]
  )
