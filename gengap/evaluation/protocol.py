"""What a score depends on. Scores of different protocols must not be compared."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import gengap
from gengap.evaluation.quantities import Depends
from gengap.evaluation.sample_metrics import METRICS

FIELDS = {  # what a number may depend on -> fields of the protocol
  Depends.FEATURES: ("features",),
  Depends.CLASSIFIER: ("classifier",),
  Depends.REAL: ("split", "real", "real_crc32"),
  Depends.TRAIN: ("train", "train_crc32"),
  Depends.SAMPLES: ("samples",),
}
ALWAYS = ("quantised", "version", "resized", "channels", "sampling")  # fields that every number depends on


def build(
  split: str,
  samples: int,
  sets: dict[str, tuple[int | None, int]],
  features: dict[str, Any] | None,
  classifier: dict[str, Any] | None,
  changes: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
  """Returns the protocol of scores.

  Args:
    split: of the real images that samples are compared with.
    samples: how many.
    sets: "real" and "train", if used -> number of images (None: unknown) and their CRC-32.
    features: protocol of the feature extractor.
    classifier: protocol of the classifier.
    changes: how given images were changed, see `References.changes`.
  """
  found: dict[str, Any] = {"split": split, "samples": samples, "quantised": "uint8"}
  found["version"] = gengap.__version__
  for name, (number, crc) in sets.items():
    found |= {name: number, f"{name}_crc32": crc}
  changed = {what: dict(of) for what, of in (changes or {}).items()}
  return found | changed | {"features": features, "classifier": classifier}


def of_number(protocol: dict[str, Any], metric: str, number: str) -> dict[str, Any]:
  """Returns the part of a protocol that a number of a metric depends on."""
  fields = {field for part in METRICS[metric].dependence(number) for field in FIELDS[part]}
  return {field: value for field, value in protocol.items() if field in fields.union(ALWAYS)}


def fingerprint(protocol: dict[str, Any]) -> str:
  """Returns a short name of a protocol."""
  return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:12]
