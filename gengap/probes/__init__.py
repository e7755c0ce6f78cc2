"""Questions to a latent space, the same for every generator: what is measured, pure scores of it, a picture.

A probe is a function of a `Subject`, what may be asked of a model, and of `Options`; it returns what it
`Found`. It knows nothing of runs and files, so any generator can be probed, a matrix too.
"""

from collections.abc import Callable, Mapping

from gengap.evaluation.quantities import Quantity
from gengap.probes import dynamics, interpolation, inversion, latents, ood, traversal
from gengap.probes.types import Examples, Found, Options, Subject

MODULES = {
  "interpolation": interpolation,
  "traversal": traversal,
  "ood": ood,
  "latents": latents,
  "inversion": inversion,
  "dynamics": dynamics,
}
PROBES: Mapping[str, Callable[[Subject, Options], Found]] = {n: m.probe for n, m in MODULES.items()}
UNFIT: Mapping[str, Callable[[Subject], str]] = {  # why a probe cannot be taken of a subject; "": it can
  name: module.unfit for name, module in MODULES.items()
}
QUANTITIES: Mapping[str, tuple[Quantity, ...]] = {n: m.QUANTITIES for n, m in MODULES.items()}

__all__ = ["PROBES", "QUANTITIES", "UNFIT", "Examples", "Found", "Options", "Subject"]
