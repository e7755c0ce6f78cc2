"""How an evaluation is made."""

import dataclasses
import math
import numbers
import pathlib
from collections.abc import Sequence
from typing import Any

from gengap import families
from gengap.data.stored_arrays import RANGES, SCALES
from gengap.errors import InputError, suggest
from gengap.evaluation import curve, extractors
from gengap.evaluation.curve import CURVE, TEMPERATURES
from gengap.evaluation.diagnostics import DIAGNOSTICS
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.sampling import DEFAULT, Sampling

LARGEST_SIZE = 2048  # pixels a side; a picture holds 64 images
BOUNDS = {  # option -> the least and the largest number
  "samples": (1, math.inf),
  "num_samples": (2, math.inf),
  "num_images": (2, math.inf),
  "seed": (0, math.inf),
  "image_size": (0, LARGEST_SIZE),
  "channels": (0, 3),
}

# what users call some numbers -> the metric that computes them
ALIASES = {"fid": "frechet", "fd": "frechet", "is": "inception_score", "mmd": "kid", "elbo": "likelihood"}
ALIASES |= dict.fromkeys(("precision", "recall", "density", "coverage"), "prdc")


@dataclasses.dataclass(frozen=True)
class Options:
  """Options of an evaluation; every one is also a flag of `gengap.evaluate`.

  Raises:
    InputError: a value is wrong whatever is evaluated. Errors name an option as its flag.
  """

  metrics: Sequence[str] | None = None  # of METRICS, DIAGNOSTICS and "curve"; None: all that suit
  features: Any = None  # a name, an extractor or a function (`registry.find`); None: Inception for colour
  inception: str | pathlib.Path | None = None  # file of Inception's weights; None: see `pretrained`
  weights: str | pathlib.Path | None = None  # file of the weights of the network that `features` names
  resize: str = "clean"  # how images are resized for Inception: "pytorch_fid", "legacy" or "clean"
  classifier: str | pathlib.Path | None = None  # workdir of a classifier of the data set; "train" trains one
  outside: str = ""  # data set of images that an autoencoder was not trained on
  num_samples: int = 10_000  # samples, and real images of each set, if there are as many
  sample_seeds: Sequence[int] = (0, 1, 2)  # one draw of samples for each; images are one draw
  sampling: Sampling = DEFAULT  # how samples of a run are drawn; also as text, such as "mixture:10"
  temperatures: Sequence[float] = TEMPERATURES  # of the fidelity-coverage curve, ascending
  num_images: int | None = None  # test images for the diagnostics; None: 1,000, or all if there are fewer
  samples: int = 500  # importance samples of the likelihood
  seed: int = 0  # of all other random numbers
  data_dir: str = ""  # of TFDS, for the reference of images; a run has its own
  save_statistics: str | pathlib.Path | None = None  # .npz file for mean and covariance of the real features
  # of images without a run:
  name: str = ""  # of the method that made them, for the report; "" is the name of their file or folder
  family: str = families.OTHER.name  # of the method: one of families.OF_IMAGES
  image_size: int = 0  # pixels a side of all images, also the reference; 0: that of the images
  channels: int = 0  # 1 or 3, of all images; 0: as stored
  value_range: tuple[float, float] | None = None  # of float pixels; None: (-1, 1), of which some are negative

  def __post_init__(self) -> None:
    object.__setattr__(self, "sampling", Sampling.of(self.sampling))
    curve.check(self.temperatures)
    for name, (least, most) in BOUNDS.items():
      if (value := getattr(self, name)) is None:
        continue
      if not isinstance(value, numbers.Integral):
        raise InputError(f"--{name} is {value!r}; it must be a whole number")
      if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise InputError(f"--{name} is {value}; it must be {bound}")
      object.__setattr__(self, name, int(value))  # of NumPy's, which JSON does not hold
    chosen = (("family", self.family, families.OF_IMAGES), ("channels", self.channels, (0, 1, 3)))
    for name, value, known in chosen:
      if value not in known:
        names = [str(allowed) for allowed in known if allowed]
        raise InputError(f"--{name}={value} is none of {', '.join(names)}{suggest(str(value), names)}")
    if self.value_range is not None and tuple(self.value_range) not in SCALES:
      raise InputError(f"--value_range={self.value_range} is none of {RANGES}")
    if isinstance(self.metrics, str):
      raise InputError(f"metrics is {self.metrics!r}; it must be a list of names, such as [{self.metrics!r}]")
    known = (*METRICS, *DIAGNOSTICS, CURVE)
    for name in self.metrics or ():
      if name not in known:
        other = ALIASES.get(name.lower())
        hint = f"; it is among the numbers of {other!r}" if other else suggest(name, known)
        raise InputError(f"--metrics={name} is none of {', '.join(known)}{hint}")
    seeds = [isinstance(seed, numbers.Integral) and 0 <= seed < 2**32 for seed in self.sample_seeds]
    if not seeds or not all(seeds) or len(set(self.sample_seeds)) < len(seeds):
      raise InputError(
        f"sample_seeds is {self.sample_seeds!r}; different whole numbers from 0 to 2**32 - 1 are needed, "
        "such as (0, 1, 2)"
      )
    object.__setattr__(self, "sample_seeds", tuple(map(int, self.sample_seeds)))
    extractors.check(self.features, self.resize, self.inception, self.weights)

  @property
  def named(self) -> list[str]:
    """The metrics that are asked for by name: what they lack is an error."""
    return list(self.metrics or ())
