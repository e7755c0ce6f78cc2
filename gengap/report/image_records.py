"""Reads the records of images that no run of gengap made, which `gengap.evaluate --generated --out` writes.

Such a record holds scores, the name and the family of a method, and the images that it was compared with. The
budget of the method is unknown.
"""

import pathlib
from collections.abc import Iterable

from gengap.errors import InputError
from gengap.evaluation.quantities import Drawn
from gengap.report.json_files import canonical, check_config, check_run_json, read_object, refuse_malformed
from gengap.report.record import ONLY_STEP, Json, Record
from gengap.report.run_files import sample_scores


def is_record(found: Json) -> bool:
  """Whether the content of a JSON file is a record of images."""
  samples = found.get("samples")
  subject = samples.get("subject") if isinstance(samples, dict) else None
  return isinstance(subject, dict) and subject.get("drawn") == Drawn.GIVEN_IMAGES.value


def read(path: pathlib.Path) -> Record:
  """Reads a record of images.

  Raises:
    InputError: the file is damaged, or is no such record.
  """
  found = read_object(path)
  with refuse_malformed(path):
    samples, reference = found["samples"], found["reference"]
    config = {
      "method": str(samples["subject"]["name"]),
      "dataset": str(reference["dataset"]),
      "image_size": reference["image_size"],
      "channels": reference["channels"],
      **{"seed": 0, "steps": 1, "log_every": 1, "checkpoint_every": 1, "best": ""},
      **{"method_args": {}, "dataset_args": {}},
    }
    subject = samples["subject"]
    run_json = {"trained": False, "family": str(subject.get("family", "other")), "generates": True}
    run_json["images"] = [subject.get("images"), subject.get("crc32")]  # tells apart records of a method
    return Record(
      path,
      check_config(config, path),
      check_run_json(run_json | {"updates_per_step": {}, "parameters": {}}),
      [],
      {ONLY_STEP: dict(sample_scores(samples))},
      {ONLY_STEP: [str(command) for command in found.get("commands", [])]},
      [],
      Drawn.GIVEN_IMAGES,
      samples=path.with_name(f"{path.stem}_samples"),
    )


def numbered(records: Iterable[Record]) -> list[Record]:
  """Returns the records, with a seed of its own for each of several records of one method and data set.

  They stand for several trainings of the method, whose seeds are unknown.

  Raises:
    InputError: two records of a method are of the same images.
  """
  seen: dict[str, list[Record]] = {}
  found = []
  for record in records:
    if not record.trained:
      like = seen.setdefault(canonical([{**record.config, "seed": 0}, record.run_json["family"]]), [])
      for other in like:
        if other.run_json.get("images") == record.run_json.get("images"):
          both = f"{other.workdir} and {record.workdir}"
          raise InputError(f"--workdirs: {both} are records of the same images; name one")
      record = record._replace(config=record.config | {"seed": len(like)})
      like.append(record)
    found.append(record)
  return found
