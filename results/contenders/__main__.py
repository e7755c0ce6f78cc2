"""Collects the records of runs.py into scores.json, and writes the curves and README.md of this folder.

  python -m results.contenders [--runs=runs/contenders]

Without --runs it draws again from scores.json.
"""

import json
import pathlib
from typing import Any

import jinja2
import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib import ticker

from gengap.evaluation.curve_figure import COLOURS, MARKERS
from gengap.report.axes import sampled
from gengap.report.statistics import holm, interval, welch
from gengap.report.wording import rounded, with_interval
from launch.parser import Parser, path
from results import judging, pictures, tables
from results.claims.numbers import probability
from results.contenders import runs

HERE = pathlib.Path(__file__).parent
SCORES = HERE / "scores.json"
AXES = ("frechet", "precision", "recall", "density", "coverage", "kl", "sharpness")
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
OF_CURVE = ("frechet", "precision", "coverage")
Found = dict[str, Any]


def kept(record: Found) -> Found:
  """Returns what scores.json keeps of a run's record."""
  curve = {
    at: [point["values"].get(axis) for axis in OF_CURVE]
    for at, point in sorted(record["curve"].items(), key=lambda x: int(x[0]))
  }
  tables_of = {
    sampling: {
      key: {axis: seen["values"][axis] for axis in AXES if axis in seen["values"]}
      for key, seen in record[sampling].items()
    }
    for sampling in ("prior", "mixture:10")
    if sampling in record
  }
  return {"curve": curve, "seconds": record["seconds"], **tables_of}


def accuracy(folder: pathlib.Path, data: str) -> float:
  """Returns the share of held-out images that the classifier of a data set labels right."""
  return judging.logged(folder / "classifiers" / data)["valid/classifier/accuracy"]


def collect(folder: pathlib.Path) -> Found:
  """Returns the contents of scores.json: data set -> run -> budget, protocol, seeds."""
  found: Found = {}
  for file in sorted(folder.glob("*/*/[0-9]*.json")):
    record = json.loads(file.read_text())
    place = found.setdefault(record["data"], {}).setdefault(record["name"], {"seeds": {}})
    seen = record["prior"]["updates"]
    shared = {
      "config": runs.RUNS[record["name"]][0],
      "updates": record["updates"],
      "equal_operations_step": record["equal_operations_step"],
      "steps": record["steps"],
      "device": record["device"],
      "version": record["version"],
      "fingerprint": seen["fingerprint"],
      "real": {axis: seen["real"][axis] for axis in AXES if axis in seen["real"]},
      "classifier_accuracy": accuracy(folder, record["data"]),
      "run": {
        key: value for key, value in record["run"].items() if key not in ("command", "device", "version")
      },
    }
    assert place.setdefault("shared", shared) == shared, (
      f"{file} differs from other seeds in more than its seed"
    )
    place["seeds"][str(record["seed"])] = kept(record)
  return found


def values(place: Found, axis: str, sampling: str = "prior", at: str = "updates") -> list[float]:
  """Returns a number of every seed of a run."""
  every = [seed[sampling][at].get(axis) for seed in place["seeds"].values() if sampling in seed]
  return [value for value in every if value is not None]


def cell(place: Found, axis: str, sampling: str = "prior", at: str = "updates") -> str:
  """Returns the mean of a number over seeds, with its interval."""
  quantity = sampled(axis).quantity
  found = values(place, axis, sampling, at)
  return with_interval(interval(found, quantity.low, quantity.high)) if found else "-"


def fewer(found: Found) -> str:
  """Names the methods that have fewer seeds than the cheapest; "" if none has."""
  missing = [
    f"`{name}` has {len(place['seeds'])} on {TITLES[data]}"
    for data, places in found.items()
    for name, place in places.items()
    if len(place["seeds"]) < len(places[runs.CHEAPEST]["seeds"])
  ]
  return f" ({'; '.join(missing)})" if missing else ""


def real(place: Found, axis: str) -> str:
  """Returns what real images score in the place of samples."""
  return rounded(place["shared"]["real"][axis]) if axis in place["shared"]["real"] else "-"


def entries(found: Found, data: str, at: str) -> dict[tuple[str, str], list[float]]:
  """Returns the Frechet distances of every method and sampling that was evaluated, of all seeds."""
  names = [name for name in runs.CONTENDERS if name in found[data]]
  every = {
    (name, sampling): values(found[data][name], "frechet", sampling, at)
    for name in names
    for sampling in runs.samplings(name)
  }
  return {key: numbers for key, numbers in every.items() if numbers}


def behind(every: dict[tuple[str, str], list[float]]) -> dict[tuple[str, str], str]:
  """Returns how far each is behind the least mean distance: Welch's test, corrected by Holm."""
  first = min(every, key=lambda key: float(np.mean(every[key])))
  tests = {key: welch(numbers, every[first]) for key, numbers in every.items() if key != first}
  adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
  return {first: "least"} | {
    key: f"{rounded(test.difference.value)}, {probability(adjusted[key])}" for key, test in tests.items()
  }


def score_table(found: Found, data: str, at: str) -> str:
  """Returns a row for each method: its budget, and its scores after equal updates or equal operations."""
  head = ["", "seeds", "updates", "TFLOP of training", *AXES, "Frechet distance behind the least"]
  rows, every = [], entries(found, data, at)
  after = behind(every)
  for name, sampling in every:
    place = found[data][name]
    shared = place["shared"]
    step = shared["updates" if at == "updates" else "equal_operations_step"]
    spent = step * shared["run"]["flops_per_step"] / 1e12
    title = f"`{name}`" + ("" if sampling == "prior" else ", mixture")
    cells = [cell(place, axis, sampling, at) for axis in AXES]
    seeds = str(len(every[name, sampling]))
    rows.append([title, seeds, f"{step:,}", rounded(spent), *cells, after[name, sampling]])
  reference = next(iter(found[data].values()))
  rows.append(["real images", "", "", "", *(real(reference, axis) for axis in AXES), ""])
  return tables.markdown(head, rows)


def cost_table(found: Found, data: str) -> str:
  """Returns what each method costs: parameters and operations of training and of sampling."""
  rows = []
  for name in (name for name in runs.CONTENDERS if name in found[data]):
    run = found[data][name]["shared"]["run"]
    sizes = sum(run["parameters"].values())
    updates = ", ".join(f"{player} {n}" for player, n in run["updates_per_step"].items())
    rows.append(
      [
        f"`{name}`",
        updates,
        f"{sizes:,}",
        f"{run['sampling_parameters']:,}",
        rounded(run["flops_per_step"] / 1e9),
        rounded(run["sampling_flops"] / 1e6),
      ]
    )
  head = ["", "updates a step", "parameters", "used to sample", "GFLOP a step", "MFLOP an image sampled"]
  return tables.markdown(head, rows)


def ablation_table(found: Found, data: str) -> str:
  """Returns the effect of each change alone, on all training images and on a tenth of them."""
  rows = []
  for end, images in (("", "all"), (runs.TENTH, "a tenth")):
    base = found[data].get(f"ablation_plain{end}")
    others = [name for name in runs.ABLATION if f"ablation_{name}{end}" in found[data]]
    if not base:
      continue
    tests = {
      name: welch(values(found[data][f"ablation_{name}{end}"], "frechet"), values(base, "frechet"))
      for name in others
      if name != "plain"
    }
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    for name in others:
      place = found[data][f"ablation_{name}{end}"]
      test = "-"
      if name in tests:
        test = f"{with_interval(tests[name].difference)}, {probability(adjusted[name])}"
      work = rounded(place["shared"]["run"]["flops_per_step"] / 1e9)
      rows.append([images, f"`{name}`", work, *(cell(place, axis) for axis in OF_CURVE), test])
  head = ["training images", "", "GFLOP a step", *OF_CURVE, "difference of the Frechet distance from `plain`"]
  return tables.markdown(head, rows)


def ablations() -> str:
  """Returns the names of the ablation's runs on a tenth of the images."""
  return " ".join(f"ablation_{name}{runs.TENTH}" for name in runs.ABLATION)


def curves(found: Found) -> plt.Figure:
  """Draws the Frechet distance of all methods through training, over updates and over operations."""
  figure, plots = plt.subplots(len(found), 2, figsize=(10, 3.6 * len(found)), squeeze=False, sharey="row")
  for row, (data, places) in zip(plots, found.items(), strict=True):
    for i, name in enumerate(name for name in runs.CONTENDERS if name in places):
      seeds = places[name]["seeds"].values()
      steps = np.array([int(at) for at in next(iter(seeds))["curve"]])
      every = np.array([[point[0] for point in seed["curve"].values()] for seed in seeds])
      work = places[name]["shared"]["run"]["flops_per_step"] / 1e12
      style: Any = {"color": COLOURS[i % 6], "marker": MARKERS[i % 6], "ls": "-" if i < 6 else "--"}
      for plot, x in zip(row, (steps, steps * work), strict=True):
        plot.plot(x, every.mean(0), ms=3, lw=1.2, label=name, **style)
        plot.fill_between(x, every.min(0), every.max(0), alpha=0.15, lw=0, color=style["color"])
    budget = places[runs.CHEAPEST]["shared"]
    row[1].axvline(budget["steps"] * budget["run"]["flops_per_step"] / 1e12, color="grey", lw=0.8, ls=":")
    row[0].axvline(budget["updates"], color="grey", lw=0.8, ls=":")
    row[0].set_ylabel(f"{TITLES[data]}: Frechet distance, squared", fontsize=9)
    for plot, title in zip(row, ("generator (decoder) updates", "training operations in TFLOP"), strict=True):
      plot.set(xscale="log", yscale="log")
      plot.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
      plot.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
      plot.yaxis.set_minor_formatter(ticker.NullFormatter())
      plot.set_xlabel(title, fontsize=9)
      plot.spines[["top", "right"]].set_visible(False)
    row[0].set_xticks([2**i * runs.UPDATES // 8 for i in range(6)], minor=False)
    row[0].xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    row[0].xaxis.set_minor_formatter(ticker.NullFormatter())
  plots[0, 1].legend(fontsize=8, frameon=False, bbox_to_anchor=(1.02, 1), loc="upper left")
  figure.tight_layout()
  return figure


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("--runs", type=path)
  args = parser.parse_args()
  if args.runs:
    found = collect(args.runs)
    SCORES.write_text(json.dumps(found, separators=(",", ":")) + "\n")
  found = json.loads(SCORES.read_text())
  pictures.save(HERE / "curves.webp", curves(found), dpi=110)
  words = {"found": found, "runs": runs, "titles": TITLES}
  words |= {call.__name__: call for call in (score_table, cost_table, ablation_table, ablations, real, fewer)}
  words["score"] = lambda data, name, axis="frechet", sampling="prior", at="updates": cell(
    found[data][name], axis, sampling, at
  )
  words["each"] = lambda data, name: ", ".join(map(rounded, values(found[data][name], "frechet")))
  words["accuracy"] = lambda data: f"{found[data][runs.CHEAPEST]['shared']['classifier_accuracy']:.1%}"
  words["seeds"] = lambda: " ".join(next(iter(found.values()))[runs.CHEAPEST]["seeds"])
  template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
    (HERE / "README.md.jinja").read_text()
  )
  (HERE / "README.md").write_text(template.render(words) + "\n")


if __name__ == "__main__":
  main()
