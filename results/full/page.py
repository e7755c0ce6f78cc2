"""Collects records into scores.json, and draws the pictures and README.md of this folder."""

import json
import pathlib
from typing import Any

import jinja2
import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from PIL import Image

from gengap.errors import InputError
from gengap.report.axes import sampled
from gengap.report.statistics import interval
from gengap.report.wording import counted, rounded, with_interval
from results import pictures, tables
from results.full import checks, plan, rows, runs
from results.full.rows import CODES, FEATURES, TRUTHS

HERE = pathlib.Path(__file__).parent
NUMBERS = {
  CODES: ("reconstruction", "kl", "total"),
  FEATURES: (
    "frechet",
    "precision",
    "recall",
    "coverage",
    "classes",
    "kl",
    "unsure",
    "sharpness",
    "diversity",
  ),
  TRUTHS: ("blobs", "one_blob", "streaks", "radius", "radius_std", "background", "intensity"),
}
TITLES = {
  CODES: "Autoencoders of CIFAR-10",
  FEATURES: "Samples, by features of a network",
  TRUTHS: "Blobs, measured against their definition",
}
OF_SEED = ("scores", "curve", "seconds", "failed")  # of a record; the rest is shared by all seeds
Found = dict[str, Any]


def collect(out: pathlib.Path) -> Found:
  """Returns the contents of scores.json: "full", row -> shared, seeds; "scaled", scale -> what was run."""
  found: Found = {"full": {}, "scaled": {}}
  for file in sorted([*out.glob("records/*/*.json"), *out.glob("scale_*/records/*/*.json")]):
    record = json.loads(file.read_text())
    name, seed, scale = record.pop("row"), str(record.pop("seed")), record["scale"]
    if scale != 1:
      about = {"device": record["device"], "version": record["version"], "rows": {}}
      place = found["scaled"].setdefault(f"{scale:g}", about)
      place["rows"][name] = place["rows"].get(name, 0) + 1
      continue
    mine = {key: record.pop(key) for key in OF_SEED if key in record}
    place = found["full"].setdefault(name, {"shared": {}, "seeds": {}})
    place["shared"] = place["shared"] | record
    place["seeds"][seed] = mine
  if not (found["full"] or found["scaled"]):
    raise InputError(f"--out={out} holds no records; run python -m results.full --out={out} first")
  return found


def cell(place: Found, number: str, judged: str) -> str:
  """Returns the mean of a number over seeds, with its 95 % interval if there are several."""
  every = checks.values(place, number)
  if not every:
    return "-"
  low, high = (0.0, float("inf")) if judged == CODES else bounds(number)
  return with_interval(interval(every, low, high))


def bounds(number: str) -> tuple[float, float]:
  """Returns the least and the greatest possible value of a number of samples."""
  quantity = sampled(number).quantity
  return quantity.low, quantity.high


def table(found: Found, judged: str) -> str:
  """Returns the scores of all rows of a kind; "" if there are none.

  Autoencoders have the numbers of the report in rows of their own, samples those of real images.
  """
  lines, floors = [], {}
  for name, row in rows.ROWS.items():
    if row.judged != judged or name not in (places := found["full"]):
      continue
    place, shared = places[name], places[name]["shared"]
    about = [f"`{name}`", " ".join(row.claims), str(len(place["seeds"])), f"{shared['steps']:,}"]
    lines.append([*about, *(cell(place, number, judged) for number in NUMBERS[judged])])
    if row.reported:
      said = dict(row.reported) | {"total": sum(row.reported.values())}
      given = (rounded(said[number]) if number in said else "-" for number in NUMBERS[judged])
      lines.append(["the report", "", "1", "", *given])
    floors[row.data] = shared.get("floors", {})
  for data, real in floors.items() if judged != CODES else ():
    values = [rounded(real[number]) if number in real else "-" for number in NUMBERS[judged]]
    lines.append([f"real images, {data}", "", "", "", *values])
  return tables.markdown(["row", "claims", "seeds", "updates", *NUMBERS[judged]], lines) if lines else ""


def curve(found: Found) -> str:
  """Returns the Frechet distance through training, mean over seeds, of rows of GANs on colour images."""
  lines = []
  for name, row in rows.ROWS.items():
    place = found["full"].get(name)
    if not place or row.judged != FEATURES or row.data.endswith("mnist"):
      continue
    seeds = [seed["curve"] for seed in place["seeds"].values() if "curve" in seed]
    means = {at: sum(s[at]["frechet"] for s in seeds) / len(seeds) for at in (seeds[0] if seeds else ())}
    if means:
      least = min(means, key=lambda at: means[at])
      path = ", ".join(rounded(value) for value in means.values())
      lines.append([f"`{name}`", f"{int(next(iter(means))):,}", path, f"{int(least):,}"])
  return tables.markdown(["row", "every", "Frechet distance, squared", "least at"], lines) if lines else ""


def judges(found: Found) -> str:
  """Names the features and classifiers that judged, as the records have them."""
  lines = []
  for name, row in rows.ROWS.items():
    place = found["full"].get(name)
    if place and (judge := place["shared"].get("judge")) and judge.get("features"):
      network = judge["features"]["network"]
      accuracy = (judge.get("classifier") or judge["features"]).get("accuracy")
      right = f", {accuracy:.1%} of test images right" if accuracy else ""
      lines.append(f"- {row.data}: features of `{network}`{right}; {judge['samples']:,} samples")
  return "\n".join(dict.fromkeys(lines))


def proofs(found: Found) -> list[str]:
  """Returns what was run at other sizes, a line for each."""
  return [
    f"the script is proven at {scale} of the size ({about['device']}): "
    + ", ".join(f"`{name}` ({counted(n, 'seed')})" for name, n in about["rows"].items())
    for scale, about in found["scaled"].items()
  ]


def row_table() -> str:
  """Returns the table of rows: claims, config, data, updates, and what differs from the report."""
  lines = []
  for name, row in rows.ROWS.items():
    config = rows.describe(row, 1.0)
    link = f"[`{row.config}.py`](../../configs/{row.config}.py)"
    size = f"{config.steps:,} x {config.batch_size}"
    lines.append([f"`{name}`", " ".join(row.claims), link, row.data, size, row.deviation])
  return tables.markdown(
    ["row", "claims", "config", "data", "updates x batch", "differs from the report"], lines
  )


def samples(out: pathlib.Path, base: str) -> plt.Figure | None:
  """Draws the pictures of the first seeds of all rows of a data set; None if there are none."""
  files = {name: out / "records" / name / "0.webp" for name, row in rows.ROWS.items() if row.base == base}
  files = {name: file for name, file in files.items() if file.is_file()}
  if not files:
    return None
  columns = min(4, len(files))
  height = -(-len(files) // columns)
  figure, plots = plt.subplots(height, columns, figsize=(2.5 * columns, 2.7 * height), squeeze=False)
  for plot in plots.flat:
    plot.axis("off")
  for plot, (name, file) in zip(plots.flat, files.items(), strict=False):
    plot.imshow(Image.open(file).convert("RGB"), interpolation="nearest")
    plot.set_title(name, fontsize=9)
  figure.tight_layout()
  return figure


def page(found: Found, here: pathlib.Path) -> str:
  """Returns README.md."""
  words: Found = {"found": found, "rows": row_table(), "runs": runs, "seeds": rows.SEEDS}
  words |= {"tables": {TITLES[judged]: table(found, judged) for judged in NUMBERS}}
  words |= {"checks": checks.rows(found["full"]), "markdown": tables.markdown}
  words |= {"curve": curve(found), "judges": judges(found), "proofs": proofs(found)}
  words |= {"pictures": sorted(path.name for path in here.glob("*.webp")), "counted": counted}
  template = (HERE / "README.md.jinja").read_text()
  environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
  return environment.from_string(template).render(words).strip() + "\n"


def draw(out: pathlib.Path | None, here: pathlib.Path = HERE) -> None:
  """Writes scores.json and the pictures of a folder of records, if one is given, and then README.md."""
  scores = here / "scores.json"
  if out:
    scores.write_text(json.dumps(collect(out), separators=(",", ":")) + "\n")
    for base in dict.fromkeys(row.base for row in rows.ROWS.values()):
      if figure := samples(out, base):
        pictures.save(here / f"{base}.webp", figure, dpi=130)
        plt.close(figure)
    times = plan.kept(here / plan.KNOWN.name) | plan.kept(out / plan.KNOWN.name)
    if times := {device: of for device, of in times.items() if not device.endswith(" cpu")}:
      (here / plan.KNOWN.name).write_text(json.dumps(times, indent=1) + "\n")
  found = json.loads(scores.read_text()) if scores.is_file() else {"full": {}, "scaled": {}}
  (here / "README.md").write_text(page(found, here))
