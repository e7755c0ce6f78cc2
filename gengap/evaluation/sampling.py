"""How samples are drawn: where codes come from, how far they spread, and what of p(x | z) is shown.

As text, such as mixture:10,temperature=0.8,draw, it is words with commas between them:

  prior          codes of N(0, I); the default. In a hierarchy these are the latents of every level, each in
                 units of its own conditional prior; with a flow of q(z | x) they are codes after the flow
  aggregate      codes of the aggregate posterior: one draw of q(z | x) for each of random training images
  mixture:K      codes of a mixture of K Gaussians with full covariances, fitted to the codes of training
                 images (Ghosh et al. 2020, arXiv:1903.12436, section 4); mixture is mixture:10
  temperature=T  factor of the standard deviation of the prior's codes, of the noise of q(z | x), or of every
                 component of the mixture, whose means stay
  truncation=T   codes of the prior are redrawn, each latent by itself, until they lie in [-T, T]
  mean, draw     the decoder's mean (the default), or one draw of p(x | z), clipped and rounded to 8 bits
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from gengap.errors import InputError, suggest
from gengap.evaluation.quantities import Drawn
from gengap.run import Run

PRIOR, AGGREGATE, MIXTURE = "prior", "aggregate", "mixture"
CODES = (PRIOR, AGGREGATE, MIXTURE)
SHOWN = {"mean": False, "draw": True}
COMPONENTS = 10
FITTED = 10_000  # training images whose codes a mixture is fitted to, if there are as many
MOST_LATENTS = 2048  # of a mixture: an iteration of its fit takes FITTED * latents^2 operations a component
NUMBERS = ("temperature", "truncation")
WORDS = (*CODES, *NUMBERS, *SHOWN)
SYNTAX = "such as mixture:10,temperature=0.8,draw"


@dataclasses.dataclass(frozen=True)
class Sampling:
  """How samples are drawn; the fields are those of the text form.

  Raises:
    InputError: a value is wrong, or values do not go together whatever the run is.
  """

  codes: str = PRIOR
  components: int | None = None  # of a mixture; None: 10
  temperature: float = 1.0
  truncation: float | None = None
  draw: bool = False

  def __post_init__(self) -> None:
    if self.codes not in CODES:
      raise InputError(f"--sampling: codes are {self.codes!r}; they must be of {', '.join(CODES)}")
    if self.codes == MIXTURE and self.components is None:
      object.__setattr__(self, "components", COMPONENTS)
    if self.components is not None and (self.codes != MIXTURE or self.components < 1):
      self.refuse("a number of components, at least 1, belongs to mixture alone, as in mixture:10")
    if (self.components or 0) > FITTED:
      self.refuse(f"a mixture is fitted to {FITTED} codes at most, and cannot have more components")
    for name in NUMBERS:
      value = getattr(self, name)
      if value is not None and not 0 < value < math.inf:
        self.refuse(f"{name} is {value:g}; it must be a finite number above 0")
    if self.truncation is not None and self.codes != PRIOR:
      self.refuse(f"truncation is of the prior, and codes are of the {self.codes}; use temperature")
    if self.truncation is not None and self.temperature != 1:
      self.refuse("temperature and truncation both narrow the prior; give one of them")

  def __str__(self) -> str:
    codes = f"{MIXTURE}:{self.components}" if self.codes == MIXTURE else self.codes
    words = [] if self.codes == PRIOR else [codes]
    words += [] if self.temperature == 1 else [f"temperature={self.temperature:.15g}"]
    words += [] if self.truncation is None else [f"truncation={self.truncation:.15g}"]
    return ",".join(words + ["draw"] * self.draw) or PRIOR

  @property
  def default(self) -> bool:
    """Whether samples are drawn as by default: codes of the prior, and decoder means."""
    return self == DEFAULT

  @property
  def suffix(self) -> str:
    """What the name of an evaluation's file has after the step: "" for the default."""
    return "" if self.default else "_" + str(self).translate(str.maketrans(":=,", "--_"))

  @property
  def words(self) -> str:
    """What a report calls it, as in "vae (mixture of 10, temperature 0.8)"; "" for the default."""
    names = {PRIOR: [], AGGREGATE: ["aggregate posterior"], MIXTURE: [f"mixture of {self.components}"]}
    words = names[self.codes]
    words += [] if self.temperature == 1 else [f"temperature {self.temperature:g}"]
    words += [] if self.truncation is None else [f"truncation {self.truncation:g}"]
    return ", ".join(words + ["draws of p(x|z)"] * self.draw)

  @property
  def origin(self) -> str:
    """Where codes come from, for the line above a table; "" for the default."""
    about = {
      PRIOR: "codes of the prior",
      AGGREGATE: "codes of training images (aggregate posterior)",
      MIXTURE: f"codes of a mixture of {self.components} Gaussians fitted to codes of training images",
    }[self.codes]
    about += "" if self.temperature == 1 else f", temperature {self.temperature:g}"
    about += "" if self.truncation is None else f", truncated to [-{self.truncation:g}, {self.truncation:g}]"
    return "" if about == "codes of the prior" else about

  def drawn(self, run: Run) -> Drawn:
    """Returns what of the model a run's samples show."""
    if self.draw:
      return Drawn.LIKELIHOOD_DRAWS
    return Drawn.DECODER_MEANS if run.method.density else Drawn.GENERATOR_OUTPUT

  def missing(self, metric: str) -> str:
    """Returns why a metric means nothing for these samples; "" if it does."""
    if metric == "memorisation" and self.codes == AGGREGATE:
      return "with codes of the aggregate posterior, samples are reconstructions of training images"
    return ""

  def refuse(self, reason: str) -> None:
    """Raises InputError with a reason."""
    raise InputError(f"--sampling={self}: {reason}")

  def check(self, run: Run | None) -> None:
    """Checks that a run can be sampled so.

    Args:
      run: the run; None: images.

    Raises:
      InputError: it cannot.
    """
    if self.default:
      return
    if not run or not run.method.generate:
      self.refuse(f"{f'a run of {run.config.method!r}' if run else 'images'} cannot be sampled")
      return
    method, name = run.method, run.config.method
    if self.codes != PRIOR and not method.encodes:
      self.refuse(f"{name!r} has no encoder, so training images have no codes; use temperature or truncation")
    if self.codes == MIXTURE and method.conditional:
      self.refuse(f"{name!r} is conditional, and the codes of a mixture have no classes; use aggregate")
    if self.codes == MIXTURE and method.latent_dim > MOST_LATENTS:
      self.refuse(
        f"{name!r} has {method.latent_dim} latents here, and full covariances are fitted to "
        f"{MOST_LATENTS} at most; use aggregate"
      )
    if self.codes == AGGREGATE and self.temperature != 1 and not method.sample_posterior:
      self.refuse(f"{name!r} has codes without noise, so there is nothing that a temperature could scale")
    if self.draw and not method.density:
      self.refuse(f"{name!r} has no p(x|z) to draw from")

  def check_varied(self, run: Run) -> None:
    """Checks that a curve over temperatures can be measured with these codes.

    Raises:
      InputError: it cannot.
    """
    if self.temperature != 1 or self.truncation is not None:
      self.refuse("--metrics=curve varies the temperature itself; leave out temperature and truncation")
    dataclasses.replace(self, temperature=0.5).check(run)

  @classmethod
  def of(cls, given: "str | Sampling") -> "Sampling":
    """Returns a sampling, or the one that a text describes.

    Raises:
      InputError: an unknown word, a word given twice, or a wrong value.
    """
    return given if isinstance(given, Sampling) else parse(given)

  @classmethod
  def of_evaluation(cls, found: Mapping[str, Any]) -> "Sampling":
    """Returns how the samples of an evaluation were drawn, as `Evaluation.to_dict` stores it."""
    for block in (found.get("samples"), found.get("curve")):
      if protocol := (block or {}).get("protocol", {}).get("sampling"):
        return parse(protocol["text"])
    return cls()


DEFAULT = Sampling()


def parse(text: str) -> Sampling:
  """Returns the sampling that a text describes; see `Sampling.of`."""
  fields: dict[str, Any] = {}

  def wrong(reason: str) -> InputError:
    return InputError(f"--sampling={text}: {reason}")

  def add(name: str, value: Any) -> None:
    if name in fields:
      raise wrong(f"{name} is given twice")
    fields[name] = value

  def number(word: str, value: str, kind: Callable[[str], Any], what: str) -> Any:
    try:
      return kind(value)
    except ValueError:
      raise wrong(f"{word} needs {what}, and has {value!r}") from None

  for part in text.split(","):
    word, colon, count = part.partition(":")
    name, equals, value = part.partition("=")
    if word in CODES and (not colon or word == MIXTURE):
      add("codes", word)
      if colon:
        add("components", number(word, count, int, "a number of components, as in mixture:10"))
    elif part in SHOWN:
      add("draw", SHOWN[part])
    elif name in NUMBERS and equals:
      add(name, number(name, value, float, f"a number, as in {name}=0.8"))
    elif part in NUMBERS:
      raise wrong(f"{part} needs a number, as in {part}=0.8")
    else:
      near = suggest(name if equals else word, WORDS)
      raise wrong(f"{part!r} is none of {', '.join(WORDS)}, {SYNTAX}{near}")
  return Sampling(**fields)
