"""Reads the folder of a run: config, budget, log, evaluations and probes."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from gengap.errors import InputError
from gengap.evaluation import quantities
from gengap.evaluation.curve import CURVE
from gengap.evaluation.quantities import Block, Capability, Depends, Drawn, Quantity
from gengap.evaluation.sampling import Sampling
from gengap.method import Observation
from gengap.methods import likelihoods
from gengap.probes import PROBES
from gengap.report.axes import BLOCKS
from gengap.report.json_files import (
  canonical,
  check_config,
  check_run_json,
  number,
  read_object,
  refuse_malformed,
)
from gengap.report.record import Json, Record, Score

PROBE_PROTOCOL = ("split", "features", "classifier", "version")  # the fields that change a probe's numbers
PROBE_OPTIONS = ("number", "seed", "classes")


def without_sampling(protocol: Any) -> Any:
  """Returns a protocol without how samples are drawn, which is in the name of a row of the page."""
  return (
    {key: x for key, x in protocol.items() if key != "sampling"} if isinstance(protocol, dict) else protocol
  )


def sample_scores(samples: Json) -> Iterator[tuple[str, Score]]:
  """Yields the scores of samples in an eval/STEP.json: name and score."""
  for name, entry in samples.get("scores", {}).items():
    floors = entry.get("floors") or {}
    yield (
      name,
      Score(
        number(entry.get("value")),
        canonical(without_sampling(entry.get("protocol", samples.get("protocol")))),
        number(floors.get("test", next(iter(floors.values()), None))),
        str(entry.get("reason") or ""),
        number(entry.get("spread")),
      ),
    )


def observation(found: Json, config: Json) -> Observation:
  """Returns what a run has a likelihood of: by the block or, for older files, by the config."""
  if "observes" in found:
    return Observation(found["observes"])
  likelihood = config["method_args"].get("likelihood")
  return likelihoods.find(likelihood).observes if likelihood else Observation.IMAGES


def block_scores(
  name: str, block: Block, found: Json, shared: Json, config: Json
) -> Iterator[tuple[str, Score]]:
  """Yields the scores of a block of an eval/STEP.json: name and score.

  Args:
    name: of the block.
    block: its declaration.
    found: what the file holds of it.
    shared: the protocol of all blocks, in files where a block has none of its own.
    config: of the run.
  """
  protocol = found.get("protocol", shared) if block.on_images else {}
  protocol = canonical(
    without_sampling(protocol) | {key: found[key] for key in sorted(block.settings) if key in found}
  )
  likely = any(quantity.observes for quantity in block.quantities)
  observes = observation(found, config) if likely else None
  for key, value in found.items():
    if isinstance(value, int | float | None) and (
      quantity := quantities.find(block.quantities, key, observes)
    ):
      real, spread = number(found.get(f"{key}_floor")), number(found.get(f"{key}_spread"))
      yield f"{name}/{quantity.key}", Score(number(value), protocol, real, spread=spread)


def evaluation_scores(found: Json, config: Json) -> Iterator[tuple[str, Score]]:
  """Yields all scores in an eval/STEP.json: name and score."""
  yield from sample_scores(found.get("samples") or {})
  for name, block in BLOCKS.items():
    if isinstance(found.get(name), dict):
      yield from block_scores(name, block, found[name], found.get("protocol", {}), config)


def encoder_protocol(quantity: Quantity, protocol: Json, has_encoder: bool) -> Json:
  """Returns the part of a probe's protocol that says which encoder a number depends on; {} for none.

  Args:
    quantity: the number.
    protocol: of the probe.
    has_encoder: whether the run has an encoder of its own, for files that do not say which one was used.
  """
  used = str(protocol.get("encoder") or ("own" if has_encoder else "fitted"))
  if Depends.ENCODER in quantity.depends:
    return {"encoder": f"fitted, {protocol.get('encoder_steps')} steps" if used == "fitted" else used}
  if Depends.ENDS in quantity.depends:
    return {"ends": "codes of real images" if used == "own" else "draws that a classifier names"}
  return {}


def probe_scores(probe: str, found: Json, has_encoder: bool) -> Iterator[tuple[str, Score]]:
  """Yields the scores in a probes/STEP/PROBE.json: name and score. Rows of real images are floors."""
  protocol = found.get("protocol", {})
  options = protocol.get("options", {})
  shared = {key: protocol.get(key) for key in PROBE_PROTOCOL} | {
    key: options.get(key) for key in PROBE_OPTIONS
  }
  declared = PROBES[probe].quantities if probe in PROBES else ()
  rows = {row: number(entry.get("value")) for row, entry in found.get("numbers", {}).items()}
  for row, value in rows.items():
    quantity = quantities.find(declared, row)
    if quantity and row != (real := f"real/{quantity.name}"):
      taken = canonical(shared | encoder_protocol(quantity, protocol, has_encoder))
      yield f"{probe}/{row}", Score(value, taken, rows.get(real, number(None)))


def read_log(path: pathlib.Path) -> list[Json]:
  """Returns the lines of a metrics.jsonl, each with its step and its numbers; NaN for what is not finite."""
  lines, texts = [], path.read_text(errors="replace").splitlines()
  for i, line in enumerate(texts):
    try:
      entry = json.loads(line)
    except ValueError:
      if i == len(texts) - 1:  # a killed run leaves half a line
        break
      raise
    found = {name: number(value) for name, value in entry.items() if isinstance(value, int | float | None)}
    lines.append(found | {"step": int(entry["step"])})
  return lines


def read(workdir: pathlib.Path) -> Record:
  """Reads a run's folder, without samples that are drawn otherwise than by default; see `read_all`."""
  return read_all(workdir)[0]


def read_all(workdir: pathlib.Path) -> list[Record]:
  """Reads a run's folder: the run, and once more for each other way in which its samples were drawn.

  Evaluations and probes that cannot be read are left out and listed as faults.

  Raises:
    InputError: the folder holds no run, a run without run.json, or a damaged config, run.json or log.
  """
  config = check_config(read_object(workdir / "config.json"), workdir / "config.json")
  if not (workdir / "run.json").exists():
    raise InputError(
      f"{workdir} has no run.json, which says what a run costs: train it again, by the command that it was "
      "trained by (a run that is done only writes the file)"
    )
  with refuse_malformed(workdir / "metrics.jsonl"):
    log = read_log(workdir / "metrics.jsonl")
  with refuse_malformed(workdir / "run.json"):
    run_json = check_run_json(read_object(workdir / "run.json"))
  bare = Record(workdir, config, run_json, log, {}, {}, [])
  records = {"": bare._replace(samples=workdir / "samples")}
  faults: list[str] = []
  for path in sorted([*workdir.glob("eval/*.json"), *workdir.glob("probes/*/*.json")]):
    try:
      with refuse_malformed(path):
        found = read_object(path)
        if path.parent.name == "eval":
          how = Sampling.of_evaluation(found)
          sampling = "" if how.default else str(how)
          record = records.get(sampling, bare._replace(sampling=sampling))
          records[sampling] = with_evaluation(record, found)
        else:
          records[""] = with_probe(records[""], path, found)
    except InputError as error:
      faults.append(str(error))
  return list((records | {"": records[""]._replace(faults=tuple(faults))}).values())


def with_scores(record: Record, step: int, scores: dict[str, Score]) -> Record:
  """Returns a run with more scores of a step."""
  return record._replace(scores=record.scores | {step: record.scores.get(step, {}) | scores})


def curve_of(found: Json) -> Json:
  """Returns what a figure shows of a fidelity-coverage curve; {} if an evaluation has none."""
  block = found.get(CURVE) or {}
  if "points" not in block:
    return {}
  names = ("precision", "coverage")
  points = {name: [float(x) for x in block["points"][name]] for name in ("temperature", *names)}
  real = {name: float(block["real"][name]) for name in names} if block.get("real") else {}
  of = {"of": str(block["real"]["of"])} if real else {}
  return {"area": float(block["area"]), "points": points} | ({"real": real | of} if real else {})


def with_evaluation(record: Record, found: Json) -> Record:
  """Returns a run with the scores of the content of a file of eval/."""
  step = int(found["step"])
  commands = record.commands | {step: [str(command) for command in found.get("commands", [])]}
  subject = (found.get("samples") or {}).get("subject") or {}
  drawn = Drawn(subject["drawn"]) if subject.get("drawn") else record.drawn
  scores = dict(evaluation_scores(found, record.config))
  if tradeoff := curve_of(found):
    record = record._replace(tradeoffs=record.tradeoffs | {step: tradeoff})
  return with_scores(record._replace(commands=commands, drawn=drawn), step, scores)


def with_probe(record: Record, path: pathlib.Path, found: Json) -> Record:
  """Returns a run with the scores of the content of a probes/STEP/PROBE.json; as it is for other folders."""
  if not path.parent.name.isdecimal():
    return record
  commands = [*record.probe_commands, *([str(found["command"])] if "command" in found else [])]
  record = record._replace(probe_commands=list(dict.fromkeys(commands)))
  scores = dict(probe_scores(path.stem, found, record.can(Capability.ENCODES)))
  return with_scores(record, int(path.parent.name), scores)
