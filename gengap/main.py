"""Trains the method that a config names, or resumes the run in the workdir.

python -m gengap.main --config=configs/wgan_gp.py:fashion_mnist --workdir=DIR [--config.FIELD=VALUE ...]
"""

import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags

import gengap
from gengap.command_line import arguments, cli
from gengap.distributed import processes
from gengap.logs import loggers
from gengap.storage import paths

FLAGS = cli.flags()
processes.define_flags(FLAGS)
CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Experiment, and after a colon its data set.", flag_values=FLAGS
)
WORKDIR = cli.define_path(
  "workdir", "Folder of the run; created if missing, resumed otherwise.", FLAGS, remote=True
)
LOGGER = flags.DEFINE_list(
  "logger",
  [loggers.TENSORBOARD],
  f"Where numbers and samples go besides the workdir: {', '.join(loggers.NAMES)}, or several with commas.",
  flag_values=FLAGS,
)


def greet(argv: Sequence[str]) -> None:
  """Prints what is about to happen, before JAX is imported.

  Raises:
    InputError: there is no such config.
  """
  given = dict(arguments.given(argv))
  if "config" in given and "workdir" in given and given.get(processes.FLAGS[2], "0") == "0":
    arguments.find_config(arguments.config_path(argv))
    print(
      f"gengap {gengap.__version__}: training {given['config']} in {given['workdir']}\n"
      "loading JAX, then compiling: about a minute the first time, seconds from the cache",
      file=sys.stderr,
      flush=True,
    )


def main(rest: list[str]) -> None:
  """Checks the flags, then trains."""
  cli.require(rest, config=CONFIG.value, workdir=WORKDIR.value)
  from gengap.logs.log import say  # after the flags, so that a wrong flag is reported at once
  from gengap.training import loop, what_next

  config, workdir = CONFIG.value, paths.place(WORKDIR.value, "--workdir")
  if loop.train(config, workdir, LOGGER.value).step == config.steps:
    say(what_next.describe(config, workdir))


if __name__ == "__main__":
  cli.run(main, FLAGS, greet)
