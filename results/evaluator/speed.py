"""Times the evaluator against its peers: the same work, in turn on one machine, each in its own process.

  python -m results.evaluator.speed [--rounds=3] [--only CASE ...] [--torch_python=PYTHON]

  inception    features of 32x32 images, resized to 299x299; PyTorch's network in channels_last
  dinov2       ViT-S/14 features of 32x32 images, resized to 224x224; transformers' network in its best batch
  frechet      distance of Gaussians of 2048 dimensions; scipy.linalg.sqrtm of the product of the covariances
  prdc         10,000 against 10,000 features of 2048 numbers; the published algorithm, written with NumPy
  memory       statistics of 2048 features of 2,500 images of 32x32; the same of 40,000

The peers are not dependencies of gengap; --torch_python names a Python that has PyTorch and transformers.
Writes speed.json.
"""

import argparse
import functools
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

HERE = pathlib.Path(__file__).parent
IMAGES, BATCH, WIDTH, ITEMS = 128, 32, 2048, 10_000
OF_DINOV2, BATCHES = 32, (4, 8, 16)  # images, and batches that PyTorch chooses from


def pictures() -> np.ndarray:
  return np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)


def points() -> tuple[np.ndarray, np.ndarray]:
  """Returns features of two sets that overlap in part: 64 directions and noise."""
  rng = np.random.default_rng(0)
  directions = rng.normal(size=(64, WIDTH)).astype(np.float32)
  real, fake = (rng.normal(size=(ITEMS, 64)).astype(np.float32) @ directions for _ in range(2))
  noise = rng.normal(size=(2, ITEMS, WIDTH)).astype(np.float32)
  return real + noise[0], 0.9 * fake + noise[1]


def gaussians() -> tuple[np.ndarray, ...]:
  return tuple(part for x in points() for part in (x.mean(0, np.float64), np.cov(x, rowvar=False)))


def inception_gengap() -> Callable[[], Any]:
  import jax

  from gengap.features import inception
  from gengap.networks.inception import Inception

  init = jax.jit(lambda: Inception().init(jax.random.key(0), np.zeros((1, 299, 299, 3), np.float32)))
  variables: Any = init()
  params = variables["params"]
  images = pictures()
  return lambda: inception.features(params, images, protocol="pytorch_fid")


def inception_torch() -> Callable[[], Any]:
  """The network of the same table, batch norms and all, as pytorch-fid runs it."""
  import torch  # pyright: ignore[reportMissingImports]  # not a dependency
  from torch import nn  # pyright: ignore[reportMissingImports]  # not a dependency

  from gengap.networks import inception as table

  class Unit(nn.Module):
    def __init__(self, inputs: int, layer: table.Conv):
      super().__init__()
      padding = 0 if layer.padding == "VALID" else tuple(n // 2 for n in layer.window)
      self.conv = nn.Conv2d(inputs, layer.features, layer.window, layer.stride, padding, bias=False)
      self.norm = nn.BatchNorm2d(layer.features, eps=table.EPSILON)

    def forward(self, x):
      return nn.functional.relu(self.norm(self.conv(x)), inplace=True)

  class Fork(nn.Module):
    def __init__(self, parts: list[nn.Module]):
      super().__init__()
      self.parts = nn.ModuleList(parts)

    def forward(self, x):
      return torch.cat([part(x) for part in self.parts], 1)

  def build(inputs: int, layer: Any) -> tuple[nn.Module, int]:
    if isinstance(layer, table.Conv):
      return Unit(inputs, layer), layer.features
    if isinstance(layer, table.Pool):
      padding = int(layer.stride == 1)
      pool = nn.AvgPool2d(3, 1, padding, count_include_pad=False) if layer.mean else None
      return pool or nn.MaxPool2d(3, layer.stride, padding), inputs
    made = [build(inputs, part) for part in layer]
    return Fork([part for part, _ in made]), sum(outputs for _, outputs in made)

  def chain(inputs: int, layers: Any) -> tuple[nn.Module, int]:
    made = []
    for layer in layers:
      part, inputs = build(inputs, layer)
      made.append(part)
    return nn.Sequential(*made), inputs

  stem, width = chain(3, table.STEM)
  parts = [stem]
  for branches in table.BLOCKS.values():
    made = [chain(width, branch) for branch in branches]
    parts.append(Fork([part for part, _ in made]))
    width = sum(outputs for _, outputs in made)
  network = nn.Sequential(*parts).eval().to(memory_format=torch.channels_last)
  images = torch.from_numpy(pictures()).to(torch.get_default_device()).permute(0, 3, 1, 2)

  @torch.inference_mode()
  def run():
    found = []
    for piece in images.split(BATCH):
      x = nn.functional.interpolate(piece / 255, (299, 299), mode="bilinear", align_corners=False)
      found.append(network((2 * x - 1).contiguous(memory_format=torch.channels_last)).mean((2, 3)))
    return torch.cat(found)

  return run


def dinov2_gengap() -> Callable[[], Any]:
  import jax

  from gengap.features import dinov2
  from gengap.networks.vision_transformer import SIZES, VisionTransformer

  size = SIZES["vits14"]
  variables: Any = VisionTransformer(size).init(jax.random.key(0), np.zeros((1, 224, 224, 3), np.float32))
  images = pictures()[:OF_DINOV2]
  return lambda: dinov2.features(variables["params"], images, size)


def dinov2_torch() -> Callable[[], Any]:
  """The network of transformers, whose attention is fused by default, by the batch that is fastest here."""
  import torch  # pyright: ignore[reportMissingImports]  # not a dependency
  import transformers  # pyright: ignore[reportMissingImports]  # not a dependency

  config = transformers.Dinov2Config(
    hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518
  )
  network = transformers.Dinov2Model(config).eval()
  images = torch.from_numpy(pictures()[:OF_DINOV2]).permute(0, 3, 1, 2)
  mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

  @torch.inference_mode()
  def run(batch: int):
    found = []
    for piece in images.split(batch):
      x = torch.nn.functional.interpolate(piece.float(), (224, 224), mode="bicubic", antialias=True).clip(
        0, 255
      )
      found.append(network((x / 255 - mean) / std).last_hidden_state[:, 0])
    return torch.cat(found)

  times = {}
  for batch in (*BATCHES, *BATCHES):  # the first time warms up
    start = time.perf_counter()
    run(batch)
    times[batch] = time.perf_counter() - start
  return functools.partial(run, min(times, key=lambda batch: times[batch]))


def frechet_gengap() -> Callable[[], Any]:
  from gengap.metrics import frechet_distance

  given = gaussians()
  return lambda: frechet_distance(*given)


def frechet_scipy() -> Callable[[], Any]:
  import scipy.linalg

  mu1, cov1, mu2, cov2 = gaussians()

  def run():
    root = scipy.linalg.sqrtm(cov1 @ cov2)
    return float((mu1 - mu2) @ (mu1 - mu2) + np.trace(cov1) + np.trace(cov2) - 2 * np.trace(root).real)

  return run


def prdc_gengap() -> Callable[[], Any]:
  from gengap.metrics import prdc

  real, fake = points()
  return lambda: prdc(real, fake, 5)


def prdc_numpy() -> Callable[[], Any]:
  """Computes whole matrices of distances, as the authors' package does, in float64 as scikit-learn does."""
  real, fake = points()

  def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float64), y.astype(np.float64)
    found = -2 * x @ y.T
    found += np.einsum("nd,nd->n", x, x)[:, None]
    found += np.einsum("nd,nd->n", y, y)
    np.maximum(found, 0, out=found)
    return np.sqrt(found, out=found)

  def radii(x: np.ndarray, k: int) -> np.ndarray:
    own = distances(x, x)
    np.fill_diagonal(own, 0)
    return np.take_along_axis(own, np.argpartition(own, k, axis=-1)[:, : k + 1], -1).max(-1)

  def run(k: int = 5):
    inside, outside = radii(real, k), radii(fake, k)
    between = distances(real, fake)
    within = between < inside[:, None]
    return {
      "precision": float(within.any(0).mean()),
      "recall": float((between < outside).any(1).mean()),
      "density": float(within.sum(0).mean() / k),
      "coverage": float((between.min(1) < inside).mean()),
    }

  return run


def streamed(images: int) -> Callable[[], Any]:
  """Computes features of images that are made and dropped batch by batch."""
  from gengap.evaluation import image_statistics
  from gengap.evaluation.extractors import Extractors
  from gengap.evaluation.pieces import PIECE
  from gengap.features import FeatureExtractor, batched

  weights = np.random.default_rng(0).normal(size=(32 * 32 * 3, WIDTH)).astype(np.float32)
  apply = batched.over_devices(lambda weights, x: x.reshape(len(x), -1).astype("float32") @ weights / 255)
  extractors = Extractors(FeatureExtractor({}, lambda x: apply(weights, [x])))

  def run():
    rng = np.random.default_rng(0)
    size = PIECE
    pieces = (rng.integers(0, 256, (size, 32, 32, 3), np.uint8) for _ in range(images // size))
    found = image_statistics.compute(pieces, extractors, frozenset({"moments"}))
    return found["moments"].diversity

  return run


CASES: dict[str, dict[str, Callable[[], Callable[[], Any]]]] = {
  "inception": {"gengap": inception_gengap, "torch": inception_torch},
  "dinov2": {"gengap": dinov2_gengap, "torch": dinov2_torch},
  "frechet": {"gengap": frechet_gengap, "scipy": frechet_scipy},
  "prdc": {"gengap": prdc_gengap, "numpy": prdc_numpy},
  "memory": {name: functools.partial(streamed, int(name)) for name in ("2500", "40000")},
}


def memory(field: str) -> float:
  """Returns the megabytes of this process: VmRSS, now, or VmHWM, the most since the last reset (Linux)."""
  lines = pathlib.Path("/proc/self/status").read_text().splitlines()
  return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def measure(case: str, who: str) -> dict[str, Any]:
  """Runs one case in this process: once to warm up, then to measure its memory and its time."""
  run, times = CASES[case][who](), []
  value = run()
  pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
  before = memory("VmRSS")
  for _ in range(2):
    start = time.perf_counter()
    value = run()
    times.append(time.perf_counter() - start)
  extra = memory("VmHWM") - before
  return {"seconds": min(times), "extra_mb": extra, "value": None if "torch" in CASES[case] else value}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--only", nargs="*", default=list(CASES))
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--one", nargs=2, metavar=("CASE", "WHO"))
  args = parser.parse_args()
  if args.one:
    print(json.dumps(measure(*args.one)))
    return
  path = HERE / "speed.json"
  found = json.loads(path.read_text()) if path.exists() else {}
  for case in args.only:
    ours, peer = CASES[case]
    rounds = []
    for _ in range(args.rounds):
      taken = {}
      for who in (ours, peer):
        python = args.torch_python if who == "torch" else sys.executable
        call = [python, "-m", "results.evaluator.speed", "--one", case, who]
        done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=HERE.parents[1])
        taken[who] = json.loads(done.stdout.splitlines()[-1])
      rounds.append(taken)
      print(case, taken, flush=True)
    ratios = [taken[ours]["seconds"] / taken[peer]["seconds"] for taken in rounds]
    found[case] = {"peer": peer, "ratio": statistics.median(ratios), "ratios": ratios, "rounds": rounds}
  path.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
