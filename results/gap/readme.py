"""The README and the tables of this folder, from their templates and the records: no number is typed."""

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2

from gengap.report.axes import axis_of
from gengap.report.columns import distances_from_best
from gengap.report.gaps import ALPHA, NEGLIGIBLE
from gengap.report.wording import with_interval
from results import tables
from results.claims.gap import DataSet, records, tested
from results.claims.numbers import Sample, text
from results.gap import pilot, plan, runs
from results.gap.figures import FRONT, TASK, TITLES, at_equal_operations, cell, parts

HERE = pathlib.Path(__file__).parent
DIGITS, CLOTHES = DataSet("mnist 28x28"), DataSet("fashion_mnist 28x28")
CIFAR, BIRDS = DataSet("cifar10 32x32"), DataSet("cifar10/bird 32x32")
ONE, TEN = DataSet("blobs_single 32x32"), DataSet("blobs_multi 32x32")
PAGES = ("README.md", "tables.md")
FRONT_PAGE = HERE.parents[1] / "README.md"  # whose first table is of these runs
FRONT_AXES = ("frechet", "precision", "coverage", "sharpness")
MARKS = ("<!-- written by python -m results.gap -->\n", "<!-- end -->\n")
AXES = ("frechet", "precision", "recall", "density", "coverage", "kl", "unsure", "sharpness")
OF_BLOBS = ("radius", "radius_std", "streaks", "background", "intensity")
IN_PIXELS = ("frechet", "precision", "recall", "density", "coverage")
MIXED_VAE_GAN = plan.mixed("vae_gan")
OF_BIRDS = [("gan", "wgan_gp"), ("gan", "lsgan"), ("lsgan", "wgan_gp")]
PAIRS = [  # of digits and clothes, of which the tables say what is decided
  ("vae", plan.MIXED_VAE),
  ("vae", "gan"),
  (plan.MIXED_VAE, "gan"),
  ("vae", "wgan_gp"),
  ("gan", "cgan"),
  ("vae_gan", "gan"),
  *((MIXED_VAE_GAN, other) for other in ("gan", plan.MIXED_VAE, "cgan")),
  *(("diffusion", other) for other in ("gan", plan.MIXED_VAE)),
  *(("vq_vae", other) for other in ("vae", plan.MIXED_VAE, "gan")),
  *(("hierarchical_vae", other) for other in ("vae", plan.MIXED_VAE)),
  *(("wgan_gp_5", other) for other in ("wgan_gp", "gan")),
  ("relativistic_gan", "gan"),
]
SPEED = "sampling/images_per_second"  # which says nothing here: runs were judged beside other work
IMPROVES = 0.05  # share by which a Frechet distance must fall in the last quarter of the updates to go on


def named(axis: str) -> str:
  """Returns the title of an axis on the page."""
  return axis_of(axis).quantity.title


def cost(method: str, part: DataSet = CLOTHES) -> str:
  """Returns the GFLOP of an update of a method."""
  return text(part.group(method).first.flops(1) / 1e9)


def image_cost(method: str, part: DataSet = CLOTHES) -> str:
  """Returns the MFLOP of an image of a method, from its latent."""
  return text(part.group(method).first.run_json["sampling_flops"] / 1e6)


def table(part: DataSet, among: Sequence[str] = AXES) -> str:
  """Returns a row of scores for each method at equal updates, and one for real images.

  Args:
    part: a data set.
    among: axes, of which those are shown that a method has.
  """
  rows, methods = [], part.comparison.groups
  axes = [axis for axis in among if any(part(group.name, axis).values for group in methods)]
  for group in methods:
    cells = [str(part(group.name, axis)) if part(group.name, axis).values else "-" for axis in axes]
    rows.append([f"`{group.name}`", str(len(group.records)), cost(group.name, part), *cells])
  real = [text(part.real(axis)) for axis in axes]
  return tables.markdown(
    ["", "seeds", "GFLOP an update", *map(named, axes)], [*rows, ["real images", "", "", *real]]
  )


def front(part: DataSet) -> str:
  """Returns the table of the root README; the best of each row is bold."""
  rows = []
  for axis in FRONT_AXES:
    real, samples = part.real(axis), [part(name, axis) for name in FRONT.values()]
    far = distances_from_best(axis_of(axis), [sample.mean for sample in samples], real)
    cells = [f"**{x}**" if d == min(far) else str(x) for x, d in zip(samples, far, strict=True)]
    rows.append([named(axis), *cells, text(real)])
  return tables.markdown([TITLES[part.data], *FRONT, "real images"], rows)


def pixel(part: DataSet, method: str, axis: str) -> Sample:
  """Returns a number of a method in pixels instead of features, over seeds."""
  kept = [json.loads(file.read_text()) for file in part.files(part.group(method), runs.PIXELS)]
  quantity = axis_of(axis).quantity
  return Sample([one[axis][0] for one in kept], quantity.low, quantity.high)


def pixels(part: DataSet) -> str:
  """Returns a row of scores in pixels for each method, drawn by default, and one for real images."""
  rows, real = [], []
  for group in part.comparison.by_default.groups:
    first = json.loads(part.files(group, runs.PIXELS)[0].read_text())
    real = [text(first[axis][1]) for axis in IN_PIXELS]
    rows.append([f"`{group.name}`", *(str(pixel(part, group.name, axis)) for axis in IN_PIXELS)])
  return tables.markdown(["", *map(named, IN_PIXELS)], [*rows, ["real images", *real]])


def lacking() -> str:
  """Returns the methods of which planned runs are not kept, and how many seeds of each data set are."""
  found: dict[str, list[str]] = {}
  for data, task in plan.TASKS.items():
    for name in task.methods:
      planned = plan.seeds(name, data)
      kept = sum(runs.kept(name, data, seed) for seed in planned)
      if kept < len(planned):
        found.setdefault(name, []).append(f"{data} {kept} of {len(planned)}")
  return "; ".join(f"`{name}` {', '.join(there)}" for name, there in found.items())


def having(method: str) -> list[DataSet]:
  """Returns the data sets that a method was run on."""
  return [part for part in parts() if method in part.groups]


def both(method: str, axis: str) -> str:
  """Returns a number of a method on the data sets that it was run on."""
  return " and ".join(str(part(method, axis)) for part in having(method))


def at_operations(part: DataSet, method: str) -> str:
  """Returns the Frechet distance of a method at the operations of the cheapest one, and its updates."""
  view, group = at_equal_operations(part), part.group(method)
  return f"{with_interval(cell(part, group, 'frechet', view).estimate)} ({view(group.first):,} updates)"


def decided(part: DataSet, pairs: Sequence[tuple[str, str]]) -> str:
  """Returns a table of the axes on which the report decides between two methods, and for which one."""
  rows = []
  for a, b in pairs:
    tests = {axis: part.less(a, b, axis, -1) for axis in tested(part, a, b) if axis != SPEED}
    none = "none" if any(math.isfinite(test.p) for test in tests.values()) else "not tested"
    cells = [
      "; ".join(named(axis) for axis, x in tests.items() if x.outcome(x.p) == outcome) or none
      for outcome in (1, -1)
    ]
    rows.append([f"`{part.group(a).name}`, `{part.group(b).name}`", str(len(tests)), *cells])
  return tables.markdown(("", "ranked axes", "decided for the first", "for the second"), rows)


def through_training(part: DataSet, task: plan.Task) -> str:
  """Returns the Frechet distance of each method after every evaluation, over seeds."""
  rows = [
    [f"`{group.name}`", *(str(part(group.name, "frechet", step)) for step in task.evaluated)]
    for group in part.comparison.by_default.groups
  ]
  return tables.markdown(["", *(f"{step:,}" for step in task.evaluated)], rows)


def pilots(part: DataSet) -> str:
  """Returns the Frechet distance of each method's first run through training, and how much it fell last."""
  rows = []
  for group in part.comparison.by_default.groups:
    values = [part.cell(group.name, "frechet", step).values.get(0) for step in TASK.evaluated]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
      rows.append([f"`{group.name}`", *map(text, known), f"{1 - known[-1] / known[-2]:.1%}"])
  return tables.markdown(["", *(f"{step:,}" for step in TASK.evaluated), "fall in the last quarter"], rows)


def rates() -> str:
  """Returns a table of the pilot of learning rates."""
  found = json.loads(pilot.FILE.read_text())
  steps = [str(step) for step in TASK.evaluated[:2]]
  rows = [
    [f"`{name}`", rate, *(text(seen[step]["frechet"]) for step in steps)]
    for name, by_rate in found.items()
    for rate, seen in by_rate.items()
  ]
  return tables.markdown(["", "rate", *(f"{int(step):,} updates" for step in steps)], rows)


def hours() -> str:
  """Returns the hours of training of all runs."""
  seconds = [record.seconds(record.last) for record in records() if not record.sampling]
  return f"{sum(x for x in seconds if math.isfinite(x)) / 3600:.1f}"


def against(gan: str) -> list[tuple[str, str]]:
  """Returns the pairs of a VAE, by both its priors, and a GAN."""
  return [("vae", gan), (plan.MIXED_VAE, gan), ("vae", plan.MIXED_VAE)]


def fewer() -> str:
  """Returns the methods of digits and clothes that have fewer seeds than the VAE, and their seeds."""
  names = {group.name for part in parts() for group in part.comparison.by_default.groups}
  return ", ".join(f"`{name}`: {seeds(name)}" for name in sorted(names) if seeds(name) != seeds("vae"))


def seeds(method: str) -> str:
  """Returns how many training seeds a method has, on the data sets that it was run on."""
  numbers = {len(part.group(method).records) for part in having(method)}
  return " and ".join(map(str, sorted(numbers)))


def words() -> dict[str, Any]:
  """Returns the variables of the template."""
  calls = (front, table, through_training, pixels, pixel, both, decided, pilots, rates, at_operations)
  calls += hours, parts, seeds, fewer, against, lacking, cost, image_cost
  return {call.__name__: call for call in calls} | {
    "ALPHA": ALPHA,
    "BIRDS": BIRDS,
    "SAMPLES": TASK.samples,
    "CIFAR": CIFAR,
    "CLOTHES": CLOTHES,
    "DIGITS": DIGITS,
    "IMPROVES": f"{IMPROVES:.0%}",
    "MIXED": plan.MIXED_VAE,
    "MIXED_VAE_GAN": MIXED_VAE_GAN,
    "OF_BIRDS": OF_BIRDS,
    "OF_BLOBS": OF_BLOBS,
    "ONE": ONE,
    "TEN": TEN,
    "NEGLIGIBLE": f"{NEGLIGIBLE:.0%}",
    "PAIRS": PAIRS,
    "RATE": plan.ADAM["learning_rate"],
    "RATE_OF_BLOBS": plan.FAST["learning_rate"],
    "TITLES": TITLES,
    "right": lambda part: f"{part.accuracy():.1%}",
    "real": lambda part, axis: text(part.real(axis)),
    "of_birds": plan.TASKS[plan.BIRDS],
    "task": TASK,
  }


def page(name: str = "README.md") -> str:
  """Returns a file that has a template."""
  template = (HERE / f"{name}.jinja").read_text()
  environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
  return environment.from_string(template).render(words()) + "\n"


def front_page() -> str:
  """Returns the root README with the table and its caption written anew."""
  start, end = MARKS
  before, _, rest = FRONT_PAGE.read_text().partition(start)
  return f"{before}{start}{page('front.md')}{end}{rest.partition(end)[2]}"


def write() -> None:
  """Writes all files that have templates, and the table of the root README."""
  for name in PAGES:
    (HERE / name).write_text(page(name))
  FRONT_PAGE.write_text(front_page())
