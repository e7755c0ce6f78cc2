"""The axes that methods are compared on: declared quantities, ordered by theme."""

from typing import NamedTuple

from gengap.evaluation import autoencoder_quantities, curve, quantities, speed
from gengap.evaluation.quantities import Capability, Quantity
from gengap.evaluation.sample_metrics import METRICS
from gengap.method import Observation
from gengap.probes import PROBES

BLOCKS = autoencoder_quantities.BLOCKS | speed.BLOCKS | curve.BLOCKS
OF_SAMPLES = tuple(quantity for metric in METRICS.values() for quantity in metric.quantities)
CLASSES = "classes"
LACKS = {  # why a method has no number
  Capability.GENERATES: "it makes no images",
  Capability.ENCODES: "it has no encoder of its own",
  Capability.VARIATIONAL: "it has no likelihood",
}


class Axis(NamedTuple):
  """A quantity that methods are compared by."""

  name: str  # in `Record.scores`
  quantity: Quantity
  theme: str = ""

  @property
  def of_samples(self) -> bool:
    """Whether the number depends on how samples are drawn."""
    return "/" not in self.name or self.name.startswith(f"{curve.CURVE}/")

  @property
  def hint(self) -> str:
    """Which side is better, the unit, and what else a reader must know."""
    quantity = self.quantity
    return "; ".join(filter(None, (quantity.better.value, quantity.unit, quantity.hint)))

  @property
  def definition(self) -> str:
    """What the number means, in plain words, and its unit."""
    quantity = self.quantity
    unit = f"Its unit is {quantity.unit}." if quantity.unit else ""
    return " ".join(filter(None, (quantity.meaning, unit)))


def declared(found: Quantity | None, name: str) -> Axis:
  """Returns an axis; raises LookupError where no evaluation or probe declares its quantity."""
  if not found:
    raise LookupError(f"{name} is not declared")
  return Axis(name, found)


def sampled(name: str) -> Axis:
  """Returns the axis of a number of samples."""
  return declared(quantities.find(OF_SAMPLES, name), name)


def evaluated(block: str, name: str, observes: Observation | None = None) -> Axis:
  """Returns the axis of a number of a block of an evaluation."""
  found = quantities.find(BLOCKS[block].quantities, name, observes)
  return declared(found, f"{block}/{found.key if found else name}")


def probed(probe: str, row: str) -> Axis:
  """Returns the axis of a number of a probe."""
  return declared(quantities.find(PROBES[probe].quantities, row), f"{probe}/{row}")


FIDELITY = "Fidelity: do samples look real?"
COVERAGE = "Coverage: is everything there?"
DISTANCE = "Distance: are the distributions alike?"
MEMORY = "Memory: are samples copies?"
BLOBS = "Blobs: measured against their definition"
LATENT = "Latent space"
REACH = "Reconstruction and likelihood"
COST = "Sampling"

THEMES = {
  FIDELITY: [sampled(name) for name in ("precision", "density", "clipped_density", "sharpness", "unsure")],
  COVERAGE: [sampled(name) for name in ("recall", "coverage", CLASSES, "kl", "diversity", "vendi")],
  DISTANCE: [sampled(name) for name in ("frechet", "fd_infinity", "kid", "fld", "inception_score")]
  + [evaluated(curve.CURVE, "area")],
  MEMORY: [sampled(name) for name in ("nearer_train", "authentic")],
  BLOBS: [sampled(quantity.name) for quantity in METRICS["blobs"].quantities],
  LATENT: [
    probed("interpolation", "random spherical/abruptness"),
    probed("interpolation", "across spherical/unsure"),
    probed("traversal", "effective_dims"),
    probed("latents", "linear_probe"),
    probed("latents", "energy_distance"),
  ],
  REACH: [
    probed("inversion", "test/reached"),
    evaluated("reconstructions", "pixel_error"),
    evaluated("likelihood", "bits_per_dimension", Observation.IMAGES),
    evaluated("likelihood", "bits_per_dimension", Observation.BITS),
    evaluated("posterior", "active_units"),
  ],
  COST: [evaluated("sampling", "images_per_second"), evaluated("sampling", "flops_per_image")],
}
AXES = tuple(axis._replace(theme=theme) for theme, axes in THEMES.items() for axis in axes)

OF_IMAGES = frozenset(axis.name for axis in AXES if quantities.find(OF_SAMPLES, axis.name))  # need no run


def axis_of(name: str) -> Axis:
  """Returns an axis by its name."""
  return next(axis for axis in AXES if axis.name == name)
