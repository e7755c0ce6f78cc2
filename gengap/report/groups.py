"""Runs sorted by data set and method. Runs of one method differ in their seed alone."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gengap import families
from gengap.config import complete, flatten
from gengap.errors import InputError
from gengap.evaluation.quantities import Capability, Drawn
from gengap.evaluation.sampling import Sampling
from gengap.families import FAMILIES, Family
from gengap.method import Kind
from gengap.report.record import Record

DATA_FIELDS = ("dataset", "image_size", "channels", "dataset_args", "validation_share")
BOOKKEEPING = (  # fields that may differ between runs of one method
  "seed",
  "data_dir",
  "data_device_bytes",
  "log_every",
  "sample_every",
  "eval_every",
  "eval_images",
  "checkpoint_every",
  "keep_checkpoints",
  "steps_per_dispatch",
  "steps",
  "best",
)
LONGEST = 60  # characters of a name


class Group(NamedTuple):
  """Runs that differ in their seed alone."""

  name: str
  records: Mapping[int, Record]  # seed -> run
  differs: str = ""  # how it differs from its method's other configs, where that is too long for its name

  @property
  def first(self) -> Record:
    """The run of the smallest seed."""
    return self.records[min(self.records)]

  @property
  def sampling(self) -> Sampling:
    """How samples are drawn."""
    return Sampling.of(self.first.sampling or "prior")

  @property
  def trained(self) -> bool:
    """Whether gengap trained it; if not, there are images alone."""
    return self.first.trained

  @property
  def family(self) -> Family:
    """The family of the method, as run.json or the record of images says."""
    run_json = self.first.run_json
    if "family" in run_json:
      return families.of_name(str(run_json["family"]))
    adversarial = Kind.ADVERSARIAL if run_json.get("adversarial") else Kind(0)  # as gengap 0.1 wrote it
    variational = Kind.VARIATIONAL if run_json.get("variational") else Kind(0)
    return families.of_kind((adversarial | variational) or Kind.AUTOENCODER)

  @property
  def drawn(self) -> list[Drawn]:
    """How samples were drawn, as their evaluations say; []: not recorded."""
    return list(dict.fromkeys(record.drawn for record in self.records.values() if record.drawn))


class Comparison(NamedTuple):
  """Everything that was trained on one data set."""

  title: str
  groups: tuple[Group, ...]

  @property
  def by_default(self) -> "Comparison":
    """The same without samples that are drawn in another way than by default: every training once."""
    found = tuple(group for group in self.groups if group.sampling.default)
    return self._replace(groups=found or self.groups)


def settings(record: Record, leave_out: Iterable[str]) -> dict[str, Any]:
  """Returns a config's fields on one level, without some."""
  plain = {name: value for name, value in complete(record.config).items() if name not in leave_out}
  return {name.removeprefix("config."): value for name, value in flatten(plain).items()}


def title(record: Record) -> str:
  """Returns the name of a run's data set."""
  size, channels = record.config.get("image_size"), record.config.get("channels")
  args = [f"{k} {v}" for k, v in (record.config.get("dataset_args") or {}).items() if v is not None]
  colour = {1: ["grey"], 3: ["colour"]}.get(channels if isinstance(channels, int) else 0, [])
  return ", ".join([f"{record.config['dataset']} {size}x{size}", *colour, *args])


def short_value(value: Any) -> str:
  """Returns a config's value, short."""
  return f"{value:g}" if isinstance(value, float) else str(value)


def names(keys: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
  """Names each of several configs: the method, and the settings that differ between configs of the method.

  Returns:
    Names and, where a name would be too long and has a letter instead, what the letter stands for, else "".
  """
  differs = []
  for key in keys:
    like = [other for other in keys if other["method"] == key["method"]]
    differing = [k for k in key if any(other.get(k) != key[k] for other in like)]
    differs.append(", ".join(f"{k.removeprefix('method_args.')} {short_value(key[k])}" for k in differing))
  found, seen = [], Counter()
  for key, text in zip(keys, differs, strict=True):
    method = key["method"]
    if any(len(t) > LONGEST for k, t in zip(keys, differs, strict=True) if k["method"] == method):
      letter = chr(ord("A") + seen[method] % 26) + str(seen[method] // 26 or "")
      found.append((f"{method} {letter}", text))
    else:
      found.append((method + f" ({text})" * bool(text), ""))
    seen[method] += 1
  return found


def comparisons(records: Iterable[Record]) -> list[Comparison]:
  """Sorts runs and records of images by data set and method.

  Raises:
    InputError: two runs have the same method and seed, or no run makes or encodes images.
  """
  useful = [r for r in records if r.can(Capability.GENERATES) or r.can(Capability.ENCODES)]
  if not useful:
    raise InputError(
      "--workdirs: none of these runs makes images or encodes them; there is nothing to compare"
    )
  sorted_by_data = by_data(useful)
  titles = [title(runs[0]) for runs in sorted_by_data]
  found = []
  for runs, name in zip(sorted_by_data, titles, strict=True):
    name += f", validation share {runs[0].config.get('validation_share')}" * (titles.count(name) > 1)
    groups = groups_of_runs([run for run in runs if run.trained])
    groups += groups_of_images([run for run in runs if not run.trained], [group.name for group in groups])
    groups.sort(key=lambda group: (FAMILIES.index(group.family), group.name))
    found.append(Comparison(name, tuple(groups)))
  return found


def by_data(records: Iterable[Record]) -> list[list[Record]]:
  """Sorts runs by data set; records of images follow the first runs with images of the same kind."""
  found: dict[str, list[Record]] = {}
  for record in sorted(records, key=lambda record: not record.trained):
    key = json.dumps({name: record.config.get(name) for name in DATA_FIELDS}, sort_keys=True)
    if not record.trained:
      key = next((k for k, runs in found.items() if alike(record, runs[0])), key)
    found.setdefault(key, []).append(record)
  return list(found.values())


def alike(images: Record, run: Record) -> bool:
  """Whether a record of images is compared with images of the data set, size and channels of a run."""
  same = all(images.config[name] == run.config[name] for name in ("dataset", "image_size"))
  return same and images.config["channels"] == (run.config.get("channels") or images.config["channels"])


def groups_of_runs(runs: Iterable[Record]) -> list[Group]:
  """Sorts the runs of one data set by method and by how samples are drawn.

  Raises:
    InputError: two runs have the same method and seed.
  """
  by_method: dict[tuple[str, str], dict[int, Record]] = {}
  for record in runs:
    key = json.dumps(settings(record, (*BOOKKEEPING, *DATA_FIELDS)), sort_keys=True)
    seeds = by_method.setdefault((key, record.sampling), {})
    seed = record.config["seed"]
    if seed in seeds:
      raise InputError(
        f"--workdirs: {seeds[seed].workdir} and {record.workdir} are runs of one method and seed; name one"
      )
    seeds[seed] = record
  keys = list(dict.fromkeys(key for key, _ in by_method))
  called = dict(zip(keys, names([json.loads(key) for key in keys]), strict=True))
  return [
    Group(name_of_row(called[key][0], sampling), seeds, called[key][1])
    for (key, sampling), seeds in by_method.items()
  ]


def name_of_row(method: str, sampling: str) -> str:
  """Returns a method's name with how samples are drawn, such as "vae (mixture of 10)"."""
  words = Sampling.of(sampling or "prior").words
  if words and method.endswith(")"):
    return f"{method[:-1]}; {words})"
  return f"{method} ({words})" if words else method


def groups_of_images(records: Iterable[Record], used: Sequence[str]) -> list[Group]:
  """Sorts the records of images of one data set by the name and family of their method.

  Args:
    records: of images.
    used: names of other groups. A method with one of these names gets an addition to it.
  """
  found: dict[tuple[str, str], dict[int, Record]] = {}
  for record in records:
    key = record.config["method"], record.run_json["family"]
    found.setdefault(key, {})[record.config["seed"]] = record
  shared = Counter([*used, *(name for name, _ in found)])
  return [
    Group(name if shared[name] == 1 else f"{name} ({family}, given images)", seeds)
    for (name, family), seeds in found.items()
  ]


def first_difference(own: str, other: str) -> str:
  """Returns the first field in which a protocol differs from another one, with both values, in words."""
  a, b = (flatten(json.loads(protocol) or {}, "protocol") for protocol in (own, other))
  for name in sorted(a.keys() | b.keys()):
    if a.get(name) != b.get(name):
      one, two = (str(each.get(name))[:LONGEST] for each in (a, b))
      return f"{name.removeprefix('protocol.')} is {one}, in this column {two}"
  return "one has none"
