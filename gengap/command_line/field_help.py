"""The help text of --config: every field of a config and every argument of its method, with its meaning."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from gengap import config as settings
from gengap import methods
from gengap.command_line import shipped
from gengap.command_line.arguments import config_path, find_config, read_config
from gengap.methods import vae

FIELDS: Mapping[str, str] = {  # of gengap.config.base -> meaning, as in configs/README.md
  "method": "a name in `gengap.methods.METHODS`",
  "method_args": "the arguments of that method (tables below)",
  "dataset": "set by what follows the colon",
  "dataset_args": "of blobs: `count`, `sigma`, `num_train`, `num_test`, `seed`",
  "data_dir": "folder of TFDS data sets; empty: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`",
  "image_size": "images are cropped to their central square and resized to this side",
  "channels": "1: grey, 3: colour, 0: as in the data set",
  "validation_share": "share of every class's training images that is held out if there is no validation "
  "split; 0: the test split validates",
  "horizontal_flip": "each training image is mirrored left to right with probability 1/2, anew in every "
  "epoch; held-out images never. Not for characters such as those of `mnist`",
  "batch_size": "images in a batch, over all devices",
  "steps": "generator (decoder) updates",
  "seed": "of the weights, the order of the data and all noise",
  "seeds": "runs, of seeds `seed`, `seed` + 1, ..., that are trained together, each in `WORKDIR/SEED`",
  "ema": "decay of the moving average of all players' weights; 0: none. Samples and `valid/...` numbers "
  "come from the average",
  "dtype": "or `bfloat16`, for computations; parameters are always float32",
  "steps_per_dispatch": "steps in one device program",
  "data_device_bytes": "2 GiB; larger data sets (as uint8) are read by the host, with the same result",
  "log_every": "steps between two lines of `metrics.jsonl`, which hold the means over them",
  "sample_every": "steps between two pictures of samples",
  "eval_every": "steps between two evaluations on held-out images",
  "checkpoint_every": "steps between two checkpoints",
  "eval_images": "held-out images, and generated ones, in an evaluation during training",
  "keep_checkpoints": "the latest to keep; the best is always kept. Only steps that are both evaluated and "
  "saved can be the best",
  "best": "the number whose smallest finite value marks the best checkpoint",
  "patience": "stop after so many evaluations without a better `best`; 0: never",
}
NESTED = ("method_args", "dataset_args")
COLUMN, WIDTH = 34, 110  # of the meanings; of a line

WITHOUT = """
Configs of gengap, for --config=NAME[:DATASET]; with --config=NAME, --help describes the fields of one:

{configs}

Examples:

  gengap train --config=wgan_gp --workdir=runs/blobs
  gengap train --config=vae:cifar10 --workdir=runs/beta4 --config.method_args.beta=4.0 --config.seed=1
"""
WITH = """
Config {name}

{about}

Fields, each with its value in this config. --config.FIELD=VALUE changes one:

{fields}

Arguments of {method!r}. --config.method_args.ARGUMENT=VALUE changes one:

{arguments}

Example:

  gengap train --config={name} --workdir=DIR --config.steps={steps} --config.method_args.{argument}={value}
"""


def documented(docstring: str | None) -> dict[str, str]:
  """Returns the arguments that a docstring in Google's style describes, each with its text on one line."""
  section = re.search(r"\nArgs:\n((?:  .*\n?|\n(?=  ))*)", inspect.cleandoc(docstring or "") + "\n")
  entries = re.split(r"^  (?=\w+: )", section[1] if section else "", flags=re.M)[1:]
  pairs = (entry.split(": ", 1) for entry in entries)
  return {name: " ".join(text.split()) for name, text in pairs}


def with_choices(text: str) -> str:
  """Returns a text with the keys of tables in the place of their names, such as `likelihoods.LIKELIHOODS`."""

  def keys(found: re.Match[str]) -> str:
    home = "gengap" if found[1] == "networks" else "gengap.methods"
    return ", ".join(getattr(importlib.import_module(f"{home}.{found[1]}"), found[2]))

  return re.sub(r"`(\w+)\.([A-Z_]+)`", keys, text)


def argument_meanings(method: str) -> dict[str, str]:
  """Returns the meaning of every argument of a method, from the docstrings of what builds it."""
  builder = methods.find(method)
  docstrings = [part.__doc__ for part in (*getattr(builder, "parts", (builder,)), vae.build)]
  found: dict[str, str] = {}
  for name in methods.defaults(method):
    texts = [documented(docstring).get(name, "") for docstring in docstrings]
    own = [text for text in texts if text and not text.startswith("as in `")]
    found[name] = with_choices(own[0]) if own else ""
  return found


def shown(value: Any) -> str:
  """Returns a value as it is typed on the command line."""
  value = value.to_dict() if hasattr(value, "to_dict") else value
  return value if isinstance(value, str) else str(value)


def row(name: str, value: Any, meaning: str, default: Any) -> str:
  """Returns the lines of one field or argument: name=value, meaning, and the default if the value differs."""
  value, default = shown(value), shown(default)
  differs = f" (default: {default or 'empty'})" if value != default else ""
  left = f"  {name}={value}"
  first, lines = (
    left.ljust(COLUMN),
    textwrap.wrap(meaning.rstrip(".").replace("`", "") + differs, WIDTH - COLUMN) or [""],
  )
  if len(left) >= COLUMN:
    return "\n".join([left, *(" " * COLUMN + line for line in lines)])
  return "\n".join([first + lines[0], *(" " * COLUMN + line for line in lines[1:])])


def field_rows(config: Any) -> str:
  """Returns the lines of all fields but the method's arguments."""
  defaults = settings.base(config.method)
  rows = []
  for name, meaning in FIELDS.items():
    if name == "dataset_args":
      rows.append(f"  {name}.NAME".ljust(COLUMN) + meaning.replace("`", ""))
    elif name != "method_args":
      rows.append(row(name, config[name], meaning, defaults[name] if name != "method" else config.method))
  return "\n".join(rows)


def argument_rows(config: Any) -> str:
  """Returns the lines of the arguments of the config's method."""
  defaults, meanings = methods.defaults(config.method), argument_meanings(config.method)
  return "\n".join(
    row(name, config.method_args[name], meanings[name], default) for name, default in defaults.items()
  )


def docstring(path: Any) -> str:
  """Returns the docstring of a config file."""
  return ast.get_docstring(ast.parse(path.read_text())) or ""


def text(argv: Sequence[str]) -> str:
  """Returns the help of --config: the fields of the config that is given, else the configs of gengap.

  Raises:
    InputError: the given config does not exist.
  """
  if not (name := config_path(argv)):
    first_lines = [(n, docstring(shipped.config_file(n)).splitlines()[0]) for n in shipped.config_names()]
    listed = (textwrap.fill(f"  {n:<22}{line}", WIDTH, subsequent_indent=" " * 24) for n, line in first_lines)
    return WITHOUT.format(configs="\n".join(listed))
  file = find_config(name)
  if not (config := read_config(argv)):
    return f"\n--config={name}: {file} cannot be run, so its fields are not known\n"
  arguments = dict(config.method_args)
  argument = next((a for a in ("width", *arguments) if a in arguments), "")
  return WITH.format(
    name=name,
    about=docstring(file),
    fields=field_rows(config),
    method=config.method,
    arguments=argument_rows(config),
    steps=config.steps // 2,
    argument=argument,
    value=arguments[argument] // 2 if argument == "width" else arguments[argument],
  )
