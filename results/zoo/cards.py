"""The texts of the model zoo: a card for each run, and the table of all."""

from typing import Any

from gengap import config as settings
from gengap import zoo
from gengap.evaluation import Evaluation, text
from gengap.evaluation.quantities import Better
from results.tables import markdown

MACHINE = ("config.data_dir", "config.data_device_bytes", "config.steps_per_dispatch")
INTRODUCTION = """# Model zoo

Small trained runs, to be tried at once. The generators are small on purpose: none is the best that its method
can do. The classifiers judge the runs of [`gap`](../gap/README.md). Those of digits and clothes are whole
trainings of `configs/classifier.py`; that of CIFAR-10 has half of the config's width and three
quarters of its steps.

```python
import gengap

run = gengap.load("zoo:vae_mnist")
run.sample(0, 64)  # [64, 28, 28, 1] in [-1, 1]
```

```bash
python -m gengap.probe --workdir=zoo:vae_mnist --probes=interpolation --features=pixels
python -m gengap.evaluate --workdir=zoo:vae_mnist --classifier=zoo:classifier_mnist
```

`zoo:NAME` stands wherever a run is loaded, evaluated or probed, and for `--classifier`. The first use unpacks
the run into the cache folder and says where; results are written there. A file holds weights (of the moving
average), config, spec and scores. It has no optimiser, so training cannot go on from it. Evaluations and
probes need the data set of the run.

"""
ADD = """
`python -m results.zoo --workdir=DIR --name=NAME` packs a run, and writes its card and this table. A generator
takes at most 300 kB, a classifier 600 kB. Weights are stored as float16 and used as float32; every card says
what that changes.
"""


def about(name: str, packed: zoo.Packed, dtype: str, changed: dict[str, Any], size: int) -> dict[str, Any]:
  """Returns all that a card says.

  Args:
    name: of the run.
    packed: the run.
    dtype: of the stored weights.
    changed: what that changes, see `results.zoo.differences`.
    size: bytes of the file.
  """
  config = packed.config
  defaults = settings.flatten(settings.plain(settings.base(config["method"], config["dataset"])))
  fields = {
    key: value
    for key, value in settings.flatten(config).items()
    if key not in MACHINE and defaults.get(key) != value and key != "config.method"
  }
  record = packed.files.get(f"eval/{packed.step}.json")
  found = Evaluation.from_json(record) if record else Evaluation()
  scores = [
    {"name": row.name, "value": row.score.value, "floor": row.score.floor, "better": row.better}
    for row in text.rows(found.scores)
    if (declared := text.declaration(row.name)) and declared.better is not Better.NONE
  ]
  weights = zoo.flatten(packed.weights).values()
  return {
    "name": name,
    "method": config["method"],
    "dataset": config["dataset"],
    "shape": list(packed.spec["shape"]),
    "step": packed.step,
    "images": packed.step * config["batch_size"],
    "numbers": sum(int(x.size) for x in weights),
    "bytes": size,
    "dtype": dtype,
    "changed": changed,
    "config": fields,
    "scores": scores,
    "samples": found.protocol.get("samples"),
    "accuracy": (found.protocol.get("classifier") or {}).get("accuracy"),
  }


def card(found: dict[str, Any]) -> str:
  """Returns the card of a run."""
  shape = "x".join(map(str, found["shape"]))
  lines = [
    f"# zoo:{found['name']}",
    f"`{found['method']}` of {found['dataset']}, {shape}, after {found['step']:,} steps of batches of "
    f"{found['images'] // found['step']} images. "
    f"{found['numbers']:,} weights in {found['bytes'] / 1000:.0f} kB. One training seed.",
  ]
  if "pixels" in found["changed"]:
    lines.append("![64 samples](samples.webp)")
  if found["scores"]:
    rows = [
      (x["name"], f"{x['value']:.4g}", "" if x["floor"] is None else f"{x['floor']:.4g}", x["better"])
      for x in found["scores"]
    ]
    lines.append(
      f"Scores of {found['samples']:,} samples, by a classifier that names {100 * found['accuracy']:.2f} % "
      "of the test images rightly:"
    )
    lines.append(markdown(("", "value", "floor (real images)", "better"), rows))
  lines.append("The config differs from the defaults of the method in:")
  lines.append(markdown(("field", "value"), [(f"`{k}`", f"`{v}`") for k, v in found["config"].items()]))
  lines.append(stored(found))
  return "\n\n".join(lines) + "\n"


def stored(found: dict[str, Any]) -> str:
  """Returns what a card says of the type of the stored weights."""
  if found["dtype"] == "float32":
    return "Weights are stored as float32, as they were trained."
  changed = found["changed"]
  if "accuracy" in changed:
    before, after = (f"{100 * x:.2f} %" for x in changed["accuracy"])
    return (
      f"Weights are stored as float16. It classifies {after} of the test images rightly, and {before} before."
    )
  return (
    f"Weights are stored as float16. That changes {100 * changed['pixels']:.2g} % of the 8-bit pixels of 256 "
    f"samples, by {changed['largest']} of 255 at most."
  )


def index(abouts: list[dict[str, Any]]) -> str:
  """Returns the page with the table of all runs."""
  rows = [
    (
      f"[`zoo:{x['name']}`]({x['name']}/README.md)",
      f"`{x['method']}`",
      f"{x['dataset']}, {'x'.join(map(str, x['shape']))}",
      f"{x['step']:,}",
      f"{x['bytes'] / 1000:.0f} kB",
    )
    for x in abouts
  ]
  table = markdown(("name", "method", "data", "steps", "file"), rows)
  return INTRODUCTION + table + "\n" + ADD
