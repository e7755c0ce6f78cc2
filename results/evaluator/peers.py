"""Compares gengap's metrics with those of other packages, on the same features, and writes peers.json.

python -m results.evaluator.peers [--run=DIR --classifier=DIR] [--number=2000]

pip install --target=DIR --no-deps torch-fidelity clean-fid pytorch-fid prdc vendi-score torchvision
PYTHONPATH=.:DIR python -m results.evaluator.peers

PyTorch is needed too; its version must suit torchvision's. The packages are no dependency of gengap.

gaussians    two sets of correlated Gaussian features, of 64 dimensions, and classes
classifier   features of a classifier for test images and samples of a run (--run and --classifier)
ties         whole numbers: many distances are the same
"""

import argparse
import importlib
import importlib.metadata
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # not a dependency

import gengap
from gengap import metrics
from gengap.evaluation import extractors
from gengap.training.program import load_data
from results import tables

HERE = pathlib.Path(__file__).parent
K = 5
PACKAGES = ("torch-fidelity", "clean-fid", "pytorch-fid", "prdc", "vendi-score", "torch", "scipy", "numpy")


class Features(NamedTuple):
  """Features of three sets of images, float64, and the logits of samples."""

  real: np.ndarray
  fake: np.ndarray
  train: np.ndarray
  logits: np.ndarray | None = None


class Row(NamedTuple):
  """A number by a peer and by gengap."""

  number: str
  peer: str
  how: str
  theirs: float
  ours: float


def gaussians(number: int) -> Features:
  """Correlated features with a decaying spectrum; samples are shifted and wider."""
  rng = np.random.default_rng(0)
  mix = rng.normal(size=(64, 64)) * (1 + np.arange(64))[:, None] ** -0.5
  real, fake, train = (rng.normal(size=(number, 64)) @ mix for _ in range(3))
  return Features(real, 1.1 * fake + 0.2, train, 2 * rng.normal(size=(number, 10)))


def ties(number: int) -> Features:
  """Whole numbers from 0 to 5 in four dimensions."""
  rng = np.random.default_rng(1)
  return Features(*(rng.integers(0, 6, (number, 4)).astype(float) for _ in range(3)))


def classified(run_dir: str, classifier: str, number: int) -> Features:
  """A classifier's features of test images, samples and training images of a run."""
  run = gengap.load(run_dir)
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  samples = np.asarray(run.sample(jax.random.key(0), number))
  named = extractors.of_classifier(classifier, run.config.dataset, test)
  images = test.image[:number], ((samples + 1) * 127.5).round().astype(np.uint8), train.image[:number]
  real, fake, training = (named.extract(x).astype(np.float64) for x in images)
  assert named.classify
  return Features(real, fake, training, np.asarray(named.classify(fake), np.float64))


def peer(module: str) -> Any:
  """Imports a module of a package; torchvision's build for CUDA also beside PyTorch for CPU."""
  try:
    return importlib.import_module(module)
  except RuntimeError:  # its operators are not registered
    for name in ("nms", "qnms"):
      torch.library.define(f"torchvision::{name}", "(Tensor x) -> Tensor")
    return importlib.import_module(module)


def of_frechet(x: Features) -> Iterator[Row]:
  """Rows of the Frechet distance."""
  moments = [part for side in (x.real, x.fake) for part in (side.mean(0), np.cov(side, rowvar=False))]
  ours = metrics.frechet_from_features(x.real, x.fake)
  named = [dict(zip(("mu", "sigma"), moments[i : i + 2], strict=True)) for i in (0, 2)]
  fidelity = peer("torch_fidelity.metric_fid").fid_statistics_to_metric(*named, False)
  found = {
    "torch-fidelity": fidelity["frechet_inception_distance"],
    "clean-fid": peer("cleanfid.fid").frechet_distance(*moments),
    "pytorch-fid": peer("pytorch_fid.fid_score").calculate_frechet_distance(*moments),
  }
  for package, theirs in found.items():
    yield Row("frechet", package, "divisor N - 1", theirs, ours)


def of_kid(x: Features) -> Iterator[Row]:
  """Rows of the KID. Subsets are drawn by other generators, so one subset holds all images."""
  n = len(x.real)
  ours = metrics.mmd2_unbiased(x.real, x.fake)
  both = (torch.tensor(side) for side in (x.fake, x.real))
  options: dict[str, Any] = {"kid_subsets": 1, "kid_subset_size": n, "kid_kernel": "poly", "verbose": False}
  fidelity = peer("torch_fidelity.metric_kid").kid_features_to_metric(*both, **options)
  how = "one subset of all images; (x y / D + 1)^3, unbiased"
  yield Row("kid", "torch-fidelity", how, fidelity["kernel_inception_distance_mean"], ours)
  theirs = peer("cleanfid.fid").kernel_distance(x.real, x.fake, num_subsets=1, max_subset_size=n)
  yield Row("kid", "clean-fid", how, theirs, ours)


def of_scores(x: Features) -> Iterator[Row]:
  """Rows of the Inception Score and the Vendi score."""
  if x.logits is not None:
    found = peer("torch_fidelity.metric_isc").isc_features_to_metric(torch.tensor(x.logits), 10, False)
    ours = metrics.inception_score(x.logits)[0]
    how = "10 splits, not shuffled"
    yield Row("inception_score", "torch-fidelity", how, found["inception_score_mean"], ours)
  theirs = peer("vendi_score.vendi").score_dual(x.fake, q=1, normalize=True)
  yield Row("vendi", "vendi-score", "cosine similarity, q = 1", float(theirs), metrics.vendi(x.fake))


def of_neighbours(x: Features) -> Iterator[Row]:
  """Rows of precision, recall, density and coverage."""
  ours = metrics.prdc(x.real, x.fake, K)
  theirs = peer("prdc").compute_prdc(x.real, x.fake, K)
  for name, value in ours.items():
    yield Row(name, "prdc", f"k = {K}, inside is below the radius", float(theirs[name]), value)
  both = (torch.tensor(side) for side in (x.fake, x.real))
  options = {"prc_neighborhood": K, "prc_batch_size": 10_000, "save_cpu_ram": False, "verbose": False}
  found = peer("torch_fidelity.metric_prc").prc_features_to_metric(*both, **options)
  for name in ("precision", "recall"):
    yield Row(name, "torch-fidelity", f"k = {K}, inside is at most the radius", found[name], ours[name])


def of_definitions(x: Features) -> Iterator[Row]:
  """Rows of metrics that no package offers, against `definitions`."""
  definitions = peer("results.evaluator.definitions")
  ours, theirs = metrics.clipped(x.real, x.fake, K), definitions.clipped(x.real, x.fake, K)
  ours |= metrics.fld(x.train, x.real, x.fake)
  theirs |= definitions.fld(x.train, x.real, x.fake)
  for fixed, how in ((False, "both sets shrink"), (True, "all real images, as the authors")):
    value = metrics.fd_infinity(x.real, x.fake, fixed_real=fixed).value
    yield Row("fd_infinity", "definition", how, definitions.fd_infinity(x.real, x.fake, fixed), value)
  for name, value in ours.items():
    yield Row(name, "definition", f"k = {K}" if "clipped" in name else "50 steps", theirs[name], value)


def difference(row: Row) -> float:
  """Returns the relative difference of a row; the absolute one where the peer has 0."""
  return abs(row.ours - row.theirs) / (abs(row.theirs) or 1)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--run")
  parser.add_argument("--classifier")
  parser.add_argument("--number", type=int, default=2000)
  args = parser.parse_args()
  sets: dict[str, Features] = {"gaussians": gaussians(args.number)}
  if args.run and args.classifier:
    sets["classifier"] = classified(args.run, args.classifier, args.number)
  sets["ties"] = ties(args.number)
  all_rows: tuple[Callable[[Features], Iterator[Row]], ...] = (of_frechet, of_kid, of_scores, of_neighbours)
  found = {}
  for name, features in sets.items():
    chosen = (of_neighbours,) if name == "ties" else (*all_rows, of_definitions)
    found[name] = [row for of in chosen for row in of(features)]
    shown = [
      [row.number, row.peer, row.how, f"{row.theirs:.8g}", f"{row.ours:.8g}", f"{difference(row):.1g}"]
      for row in found[name]
    ]
    print(f"\n{name}: {features.real.shape} and {features.fake.shape}\n")
    print(tables.markdown(["", "peer", "conventions", "theirs", "gengap", "relative difference"], shown))
  versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
  rows = [json.dumps({"set": name} | row._asdict()) for name, of in found.items() for row in of]
  text = ",\n    ".join(rows)
  (HERE / "peers.json").write_text(
    f'{{\n  "versions": "{versions}",\n  "images": {args.number},\n  "rows": [\n    {text}\n  ]\n}}\n'
  )


if __name__ == "__main__":
  main()
