"""Finds the configs and launchers that come with gengap.

In a checkout they stand beside the package (`configs/`, `launch/`), in an installed package inside it.
"""

import pathlib
import runpy
from typing import Any

from gengap.errors import InputError, suggest

PACKAGE = pathlib.Path(__file__).parents[1]
INSTALLED = (PACKAGE / "configs").is_dir()  # as a wheel, and not a checkout
HOME = PACKAGE if INSTALLED else PACKAGE.parent  # holds configs/ and launch/
CONFIGS = HOME / "configs"
LAUNCHERS = "gengap.launch" if INSTALLED else "launch"  # the launchers' package


def config_names() -> list[str]:
  """Returns the names of the configs that come with gengap, such as wgan_gp."""
  return sorted(path.stem for path in CONFIGS.glob("*.py"))


def config_file(name: str) -> pathlib.Path:
  """Returns the file of a config that comes with gengap.

  Raises:
    InputError: there is none of this name.
  """
  if name not in (names := config_names()):
    raise InputError(f"{name!r} is no config of gengap{suggest(name, names)}; there are {', '.join(names)}")
  return CONFIGS / f"{name}.py"


def config(name: str, dataset: str = "") -> Any:
  """Returns the settings (a ConfigDict) of a config that comes with gengap, as --config=NAME:DATASET does.

  Raises:
    InputError: there is none of this name.
  """
  return runpy.run_path(str(config_file(name)))["get_config"](*([dataset] if dataset else []))
