"""The arguments of `probe`, and their checks."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from gengap.errors import InputError, suggest
from gengap.evaluation import extractors
from gengap.probes.result import FIGURES
from gengap.probes.table import PROBES
from gengap.probes.types import Options
from gengap.run import Run

Path = str | pathlib.Path


@dataclasses.dataclass(frozen=True)
class Settings:
  """The arguments of `probe`; the command line has a flag for each.

  Raises:
    InputError: a value is wrong for every run. Errors name a setting as its flag.
  """

  probes: Sequence[str] = ()  # names; () takes all that suit the run and its data
  num_samples: int = 1000  # images in a set; a probe may use a part of them
  seed: int = 0
  dims: Sequence[int | str] = ()  # latents to draw, from 0 on; () draws those with the largest effects
  grid: Sequence[int | str] = ()  # two latents to draw against each other; () takes the largest effects
  classes: Sequence[int | str] = ()  # that paths connect, by name or number; () means all
  outside: str = ""  # data set of images that an autoencoder was not trained on; "" takes blobs
  encoder: str | None = None  # whose codes; None takes the run's own if there is one
  encoder_steps: int = 1000  # updates of the fitted encoder; 0 fits none
  features: Any = None  # a name, an extractor or a function; None: Inception's of colour images
  inception: Path | None = None  # file of Inception's weights; None: see `pretrained`
  weights: Path | None = None  # file of the weights of the network that `features` names
  resize: str = "clean"  # how images are resized for Inception
  classifier: Path | None = None  # workdir of a classifier of the run's data set; "train" trains one
  figures: Sequence[str] = FIGURES[:1]  # formats of figures, of FIGURES

  def __post_init__(self) -> None:
    for name, least in (("num_samples", 20), ("encoder_steps", 0), ("seed", 0)):
      if (value := getattr(self, name)) < least:
        raise InputError(f"--{name} is {value}; it must be at least {least}")
    if self.encoder not in (None, "own", "fitted"):
      raise InputError(f"--encoder is {self.encoder!r}; it must be own or fitted")
    if self.encoder == "fitted" and not self.encoder_steps:
      raise InputError("--encoder=fitted needs --encoder_steps of at least 1")
    extractors.check(self.features, self.resize, self.inception, self.weights)
    if isinstance(self.probes, str):
      raise InputError(f"probes is {self.probes!r}; it must be a list of names, such as [{self.probes!r}]")
    for name in self.probes:
      if name not in PROBES:
        raise InputError(f"--probes={name} is none of {', '.join(PROBES)}{suggest(name, PROBES)}")
    if isinstance(self.figures, str) or not self.figures:
      raise InputError(f"figures is {self.figures!r}; it must be a list of formats, such as ['png', 'pdf']")
    for kind in self.figures:
      if kind not in FIGURES:
        raise InputError(f"--figures={kind} is none of {', '.join(FIGURES)}{suggest(kind, FIGURES)}")

  def check_run(self, run: Run) -> None:
    """Refuses a run without a generator, and settings that need an encoder which it does not have.

    Raises:
      InputError: names the setting, and what is allowed.
    """
    run.generator()  # raises if there is none
    if self.encoder == "own" and not run.method.encodes:
      raise InputError(f"--encoder=own: a run of {run.config.method!r} has no encoder of its own")

  def options(self, run: Run, classes: tuple[str, ...]) -> Options:
    """Returns the options of the probes of a run whose data have these classes.

    Raises:
      InputError: a latent or a class does not exist.
    """
    dim = run.method.latent_dim
    chosen = [number_of_class(str(value), classes) for value in self.classes]
    if len(set(chosen)) < len(chosen) or len(chosen) == 1:
      raise InputError(f"--classes={joined(self.classes)}: paths need two different classes at least")
    grid = numbers_of_latents("grid", self.grid, dim)
    if len(grid) not in (0, 2):
      raise InputError(f"--grid={joined(self.grid)}: two latents are needed, such as 0,1")
    dims = numbers_of_latents("dims", self.dims, dim)
    return Options(self.num_samples, self.seed, dims, grid, tuple(chosen))


def number_of_class(value: str, classes: tuple[str, ...]) -> int:
  """Returns the number of a class that is given by its name or number.

  Raises:
    InputError: there is no such class.
  """
  if value in classes:
    return classes.index(value)
  if value.isdecimal() and int(value) < len(classes):
    return int(value)
  known = ", ".join(classes)
  raise InputError(f"--classes: the data have no class {value!r}; there are {known}{suggest(value, classes)}")


def numbers_of_latents(name: str, values: Sequence[int | str], dim: int) -> tuple[int, ...]:
  """Returns the values of a setting as numbers of latents.

  Raises:
    InputError: a value is no latent, or is given twice.
  """
  for value in map(str, values):
    if not value.isdecimal() or int(value) >= dim:
      raise InputError(f"--{name}: {value!r} is no latent; there are 0 to {dim - 1}")
  found = tuple(map(int, values))
  if len(set(found)) < len(found):
    raise InputError(f"--{name}={joined(values)} names one twice")
  return found


def joined(values: Sequence[int | str]) -> str:
  """Returns values as a flag gives them."""
  return ",".join(map(str, values))
