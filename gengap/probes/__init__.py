"""Probes of a latent space, the same for all families of methods; `probe` takes them of a run.

A probe measures a `Subject`, scores the measured arrays by a pure function, and draws them. It knows nothing
of runs and files, so any generator can be probed, also a matrix.
"""

from typing import TYPE_CHECKING, Any

from gengap.probes.result import ProbeResult, ProbeResults
from gengap.probes.table import PROBES
from gengap.probes.types import Examples, Options, Probe, Scores, Subject

if TYPE_CHECKING:
  from gengap.probes.probing import probe

__all__ = [
  "PROBES",
  "Examples",
  "Options",
  "Probe",
  "ProbeResult",
  "ProbeResults",
  "Scores",
  "Subject",
  "probe",
]


def __getattr__(name: str) -> Any:
  if name == "probe":  # lazily, since reports read the table of probes and load no runs
    from gengap.probes.probing import probe

    return probe
  raise AttributeError(f"module 'gengap.probes' has no attribute {name!r}")
