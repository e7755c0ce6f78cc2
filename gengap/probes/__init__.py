"""Questions to a latent space, the same for every generator: what is measured, pure scores of it, a picture.

A probe is a function of a `Subject`, what may be asked of a model, and of `Options`; it returns what it
`Found`. It knows nothing of runs and files, so any generator can be probed, a matrix too.
"""

from collections.abc import Callable, Mapping

from gengap.probes import dynamics, interpolation, inversion, latents, ood, traversal
from gengap.probes.vocabulary import Examples, Found, Options, Subject

PROBES: Mapping[str, Callable[[Subject, Options], Found]] = {
  "interpolation": interpolation.probe,
  "traversal": traversal.probe,
  "ood": ood.probe,
  "latents": latents.probe,
  "inversion": inversion.probe,
  "dynamics": dynamics.probe,
}

NEED_AN_ENCODER = frozenset({"latents", "inversion"})  # the model's own, or one that is fitted to it

__all__ = ["NEED_AN_ENCODER", "PROBES", "Examples", "Found", "Options", "Subject"]
