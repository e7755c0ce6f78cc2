"""Types that declare the numbers which evaluations and probes write.

Whoever computes a number declares it there, once, as a `Quantity`. The report takes titles, units, ranges and
directions from these declarations, and decides by them which numbers may stand in one column.
"""

import enum
import math
from collections.abc import Iterable
from typing import NamedTuple

from gengap.method import Observation


class Better(enum.Enum):
  """Which values of a quantity are better; the value is the hint that a reader gets.

  Where real images have a value of their own that samples can reach or pass, theirs is the best one. Of
  distances between distributions the smallest is.
  """

  REAL = "nearer to real images is better"
  LOW = "lower is better"
  HIGH = "higher is better"
  NONE = ""  # not ranked


class Depends(enum.Enum):
  """A part of the protocol that changes a number. Numbers that differ in it must not be compared."""

  FEATURES = "features"  # the feature extractor
  CLASSIFIER = "classifier"
  REAL = "real"  # the test images that samples are compared with
  TRAIN = "train"  # the training images that samples are compared with
  SAMPLES = "samples"  # how many samples there are, where the expectation changes with that
  ENCODER = "encoder"  # the run's own, or one fitted to its generator
  ENDS = "ends"  # how the ends of paths are found: as codes of images, or as samples of known class


class Capability(enum.Enum):
  """What a method must be able to do to have a number; the value is the key in run.json that says so."""

  GENERATES = "generates"
  ENCODES = "encodes"  # with an encoder of its own
  VARIATIONAL = "variational"  # it has a likelihood


class Drawn(enum.Enum):
  """How samples are drawn; the value is what eval/STEP.json says."""

  DECODER_MEANS = "decoder means"  # no noise of p(x | z) is added
  LIKELIHOOD_DRAWS = "draws of p(x|z)"  # with its noise
  GENERATOR_OUTPUT = "generator output"
  GIVEN_IMAGES = "given images"  # images of a file or a folder, not of a run

  @classmethod
  def _missing_(cls, value: object) -> "Drawn | None":
    return cls.GENERATOR_OUTPUT if value == "generator's" else None  # as gengap 0.1 wrote it


class Quantity(NamedTuple):
  """The declaration of one number."""

  name: str  # key in the file; of a probe, the last part of the row's name
  title: str
  unit: str = ""
  better: Better = Better.NONE
  low: float = 0.0  # least possible value
  high: float = math.inf  # greatest possible value
  depends: frozenset[Depends] = frozenset()  # beside the settings that all numbers of its block share
  needs: Capability = Capability.GENERATES
  hint: str = ""  # what a reader must know beside the better side
  per_class: bool = False  # one number for each class: name_0, name_1, ...
  always: bool = True  # False: only some data sets have it
  rows: tuple[str, ...] = ()  # of a probe: with what the names of its rows begin; (): any
  ratio_of: str = ""  # the number that it is the ratio of, to that number's floor; "": it is no such ratio
  observes: Observation | None = None  # the likelihood is of this; None: it does not matter
  meaning: str = ""  # what it is and which side is good, in plain words for readers of the page

  @property
  def key(self) -> str:
    """The name by which the number is told from those of other likelihoods."""
    return f"{self.name} of {self.observes.value}" if self.observes else self.name


class Block(NamedTuple):
  """Numbers that are computed and stored together, under one key of eval/STEP.json."""

  quantities: tuple[Quantity, ...]
  settings: frozenset[str] = frozenset()  # keys that say how the numbers were measured
  on_images: bool = True  # whether they depend on the test images of the block's protocol


def find(declared: Iterable[Quantity], name: str, observes: Observation | None = None) -> Quantity | None:
  """Returns the declaration of a number; None: it is not declared.

  Args:
    declared: the quantities of its block.
    name: its key in the file. A probe's is "row/quantity"; one for a class ends in "_" and the class.
    observes: what the run has a likelihood of.
  """
  row, _, last = name.rpartition("/")
  each, _, number = last.rpartition("_")
  of_class = each if number.isdecimal() else ""
  for quantity in declared:
    named = quantity.name == (of_class if quantity.per_class else last)
    in_row = not quantity.rows or row.startswith(quantity.rows)
    if named and in_row and quantity.observes in (None, observes):
      return quantity
  return None
