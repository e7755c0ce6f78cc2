"""The table of probes: a new probe is one module, one figure and one entry here."""

from collections.abc import Mapping
from typing import Any

from gengap.probes import dynamics, interpolation, inversion, latents, ood, traversal
from gengap.probes import figures as draw
from gengap.probes.types import Probe

PROBES: Mapping[str, Probe[Any]] = {
  probe.name: probe
  for probe in (
    Probe(
      "interpolation",
      "Is the latent space continuous?",
      interpolation.requirements,
      interpolation.measure,
      interpolation.score,
      draw.interpolation,
      interpolation.QUANTITIES,
    ),
    Probe(
      "traversal",
      "What do the dimensions do?",
      traversal.requirements,
      traversal.measure,
      traversal.score,
      draw.traversal,
      traversal.QUANTITIES,
    ),
    Probe(
      "ood",
      "What happens outside of the prior?",
      ood.requirements,
      ood.measure,
      ood.score,
      draw.ood,
      ood.QUANTITIES,
    ),
    Probe(
      "latents",
      "Where are the classes?",
      latents.requirements,
      latents.measure,
      latents.score,
      draw.latents,
      latents.QUANTITIES,
    ),
    Probe(
      "inversion",
      "Can the generator make a given image?",
      inversion.requirements,
      inversion.measure,
      inversion.score,
      draw.inversion,
      inversion.QUANTITIES,
    ),
    Probe(
      "dynamics",
      "What happens during training?",
      dynamics.requirements,
      dynamics.measure,
      dynamics.score,
      draw.dynamics,
      dynamics.QUANTITIES,
    ),
  )
}
