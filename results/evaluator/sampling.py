"""Evaluates a VAE and a GAN by how samples are drawn, writes sampling.json, curves.webp, prints tables.

python -m results.evaluator.sampling --classifier=RUN --vae=RUN --gan=RUN [--num_samples=2000]
python -m results.evaluator.sampling --print        # the tables of the stored numbers
"""

import json
import pathlib
from typing import Any

import gengap
from gengap.evaluation import Evaluation, Evaluator, Options, curve, curve_figure
from launch.parser import Parser
from results import pictures, tables

HERE = pathlib.Path(__file__).parent
SEEDS = (0, 1, 2)
SAMPLINGS = {
  "vae": ("prior", "temperature=0.7", "mixture:10", "aggregate", "draw", "mixture:10,draw"),
  "gan": ("prior", "temperature=0.7", "truncation=1"),
}
CURVES = {"vae": ("prior", "mixture:10"), "gan": ("prior",)}
NUMBERS = ("frechet", "precision", "recall", "density", "coverage", "sharpness")
METRICS = ("frechet", "prdc", "sharpness")


def numbers(result: Evaluation) -> dict[str, Any]:
  """Returns the numbers of an evaluation, and its curve if it has one."""
  found: dict[str, Any] = {"fingerprint": result.fingerprint}
  for name in NUMBERS:
    score = result.scores[name]
    found[name] = {"value": score.value, "spread": score.spread, "floor": score.floor}
  if block := result.to_dict().get(curve.CURVE):
    found[curve.CURVE] = {key: value for key, value in block.items() if key != "protocol"}
  return found


def measure(name: str, workdir: str, classifier: str, number: int) -> dict[str, Any]:
  """Evaluates a run by all of its samplings."""
  run, found = gengap.load(workdir), {}
  for text in SAMPLINGS[name]:
    metrics = [*METRICS, curve.CURVE] if text in CURVES[name] else METRICS
    options = Options(
      metrics=metrics, classifier=classifier, num_samples=number, sample_seeds=SEEDS, sampling=text
    )
    result = Evaluator(run, options=options).evaluate(run)
    found[text] = numbers(result)
    print(result, flush=True)
  args = dict(run.config.method_args)
  about = {"method": run.config.method, "step": run.step, "latent_dim": args["latent_dim"]}
  return about | {"likelihood": args.get("likelihood"), "samplings": found}


def score_table(found: dict[str, Any]) -> str:
  """Returns the numbers of all samplings, each with its spread."""
  floors = found["runs"]["vae"]["samplings"]["prior"]
  rows = [["real images", *(f"{floors[name]['floor']:.3g}" for name in NUMBERS)]]
  for name, run in found["runs"].items():
    for text, seen in run["samplings"].items():
      cells = [f"{seen[number]['value']:.3g} ({seen[number]['spread']:.1g})" for number in NUMBERS]
      rows.append([f"{name}, `{text}`", *cells])
  return tables.markdown(["", *NUMBERS], rows)


def curve_table(found: dict[str, Any]) -> str:
  """Returns the areas under the curves."""
  rows = []
  for name, text, block in curves(found):
    interval = f"{block['area']:.3f} [{block['area_low']:.3f}, {block['area_high']:.3f}]"
    cells = [interval, f"{block['area_spread']:.3f}", f"{block['area_at_one']:.3f}"]
    rows.append([f"{name}, `{text}`", *cells, f"{block['area_floor']:.3f}"])
  return tables.markdown(["", "area", "spread over seeds", "at temperature 1", "real images"], rows)


def curves(found: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
  """Returns the curves: run, sampling and block."""
  every = [
    (name, text, run["samplings"][text]) for name, run in found["runs"].items() for text in CURVES[name]
  ]
  return [(name, text, seen[curve.CURVE]) for name, text, seen in every]


def main() -> None:
  parser = Parser(__doc__)
  for name in ("classifier", "vae", "gan"):
    parser.add_argument(f"--{name}")
  parser.add_argument("--num_samples", type=int, default=2000)
  parser.add_argument("--print", action="store_true")
  args = parser.parse_args()
  path = HERE / "sampling.json"
  if not args.print:
    if not (args.classifier and args.vae and args.gan):
      parser.error("--classifier, --vae and --gan are needed, or --print")
    runs = {n: measure(n, getattr(args, n), args.classifier, args.num_samples) for n in SAMPLINGS}
    head = {"gengap": gengap.__version__, "samples": args.num_samples, "seeds": list(SEEDS)}
    path.write_text(json.dumps(head | {"runs": runs}, separators=(",", ":")) + "\n")
  found = json.loads(path.read_text())
  figure = curve_figure.figure({f"{name}, {text}": block for name, text, block in curves(found)})
  pictures.save(HERE / "curves.webp", figure)
  print(score_table(found), curve_table(found), sep="\n\n")


if __name__ == "__main__":
  main()
