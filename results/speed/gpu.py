"""Times training steps and Inception features on a GPU, and the same work in PyTorch.

  python -m results.speed.gpu [NAME ...] [--limit=150] [--repeats=20] [--out=results/speed/gpu.json]

First every program is compiled in a process of its own, all side by side, for at most --limit seconds;
nothing is timed then, and programs that need longer are left out and named. Then they are timed one after
another, from the cache of programs. --here is for these processes: it times the named cases in this
process, and prints one JSON line for each.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gengap.bench import bench
from gengap.command_line import cli
from gengap.errors import InputError, one_line
from gengap.method import Config
from launch.parser import Parser, path
from results import judging

ROOT = pathlib.Path(__file__).parents[2]
LEVEL, DETERMINISTIC = "--xla_gpu_autotune_level={}", "--xla_gpu_deterministic_ops=true"


class Case(NamedTuple):
  """A program of gengap: a config on blobs, method arguments, other fields, and XLA's flags."""

  config: str
  args: Mapping[str, Any] = {}
  fields: Mapping[str, Any] = {}
  flags: str = ""


class Peer(NamedTuple):
  """A step in PyTorch: arguments of torch_peer.py."""

  args: Mapping[str, Any]
  flags: str = ""


class Features(NamedTuple):
  """Inception features in float32, `batch` images at a time, by gengap or by PyTorch."""

  batch: int
  torch: bool = False
  flags: str = ""


IMAGES = 1024  # of which features are computed
RGB = {"channels": 3, "image_size": 32}
GREY = {"channels": 1, "image_size": 28, "batch_size": 64}
C3 = Case("wgan_gp", {"network": "resnet", "width": 128, "n_critic": 5}, RGB | {"batch_size": 192})
C1 = Case("gan", {"network": "resnet", "width": 128, "n_critic": 1}, RGB | {"batch_size": 192})
VAE = Case("vae", {}, RGB | {"batch_size": 256})
DCGAN = {"network": "dcgan", "width": 32, "latent_dim": 128}
DENSE = {"network": "dense", "width": 256, "latent_dim": 128, "n_critic": 1}
SMALL = {
  "dcgan_wgan_gp": Case("wgan_gp", DCGAN | {"n_critic": 5}, GREY),
  "dcgan_gan": Case("gan", DCGAN | {"n_critic": 1}, GREY),
  "dense_gan": Case("gan", DENSE, GREY | {"image_size": 32}),
}


def variant(case: Case, flags: str = "", **fields: Any) -> Case:
  """Returns a case with other fields."""
  return case._replace(fields={**case.fields, **fields}, flags=flags)


def peers(name: str, width: int, batch: int, ways: Sequence[str]) -> dict[str, Peer]:
  """Returns a step in PyTorch, run in several ways."""
  args = {"which": name, "width": width, "batch": batch}
  return {f"torch {how}: {name} of width {width}": Peer(args | {"how": how}) for how in ways}


WAYS = ("eager", "compile", "graph")
CASES: dict[str, Case | Peer | Features] = {
  "C3": C3,
  "C3 bfloat16": variant(C3, dtype="bfloat16"),
  "C3 bfloat16, level 0": variant(C3, LEVEL.format(0), dtype="bfloat16"),
  "C3 bfloat16, level 1": variant(C3, LEVEL.format(1), dtype="bfloat16"),
  "C1": C1,
  "C1 bfloat16": variant(C1, dtype="bfloat16"),
  "VAE": VAE,
  "VAE bfloat16": variant(VAE, dtype="bfloat16"),
  **{
    f"{name}, seeds {seeds}": variant(case, seeds=seeds) for name, case in SMALL.items() for seeds in (1, 8)
  },
  "dcgan_wgan_gp, deterministic": variant(SMALL["dcgan_wgan_gp"], DETERMINISTIC),
  **peers("resnet_wgan_gp", 128, 192, WAYS),
  **peers("resnet_gan", 128, 192, WAYS),
  **peers("vae", 32, 256, WAYS),
  **peers("dcgan_wgan_gp", 32, 64, WAYS),
  **peers("dcgan_gan", 32, 64, WAYS),
  **peers("dense_gan", 256, 64, WAYS),
  **{f"Inception, batch {batch}": Features(batch) for batch in (32, 128, 256)},
  **{f"torch: Inception, batch {batch}": Features(batch, torch=True) for batch in (32, 128, 256)},
}


def describe(case: Case, together: int) -> Config:
  """Returns the config of a program of gengap, `together` steps in one dispatch."""
  config = judging.read_config(case.config, "blobs_single")
  config.method_args.update(case.args)
  steps = 1000 * together
  config.update(ema=0.0, steps=steps, steps_per_dispatch=together, log_every=together)
  config.update(eval_every=steps, sample_every=steps, checkpoint_every=steps, **case.fields)
  return config


def bench_gengap(case: Case, repeats: int, together: int) -> dict[str, Any]:
  """Times a program of gengap."""
  return bench(describe(case, together), repeats)


def bench_torch(peer: Peer, repeats: int) -> dict[str, Any]:
  """Times a step in PyTorch."""
  import torch  # pyright: ignore[reportMissingImports]  # not a dependency

  from results.speed import torch_peer

  device = "cuda" if torch.cuda.is_available() else "cpu"
  given = {"steps": repeats, "threads": os.cpu_count(), "layout": "channels_last", "device": device}
  args = argparse.Namespace(**given | dict(peer.args))
  return torch_peer.timed(lambda: torch_peer.build(args), args)


def bench_features(features: Features, repeats: int) -> dict[str, Any]:
  """Times Inception features of IMAGES images of 32x32; returns images per second, of the fastest repeat."""
  from results.evaluator import speed

  speed.IMAGES, speed.BATCH = IMAGES, features.batch
  if features.torch:
    import torch  # pyright: ignore[reportMissingImports]  # not a dependency

    torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = False, True
    run = speed.inception_torch()

    def call() -> Any:
      return run().cpu()

  else:
    from gengap.features import inception

    inception.batch = lambda: features.batch
    call = speed.inception_gengap()
  call()
  times = []
  for _ in range(max(2, repeats // 4)):
    before = time.perf_counter()
    call()
    times.append(time.perf_counter() - before)
  return {"images_per_second": IMAGES / min(times)}


def bench_one(name: str, repeats: int, together: int) -> dict[str, Any]:
  """Times a case in this process."""
  case = CASES[name]
  if isinstance(case, Features):
    return bench_features(case, repeats)
  return bench_torch(case, repeats) if isinstance(case, Peer) else bench_gengap(case, repeats, together)


def time_here(names: Sequence[str], repeats: int, together: int) -> None:
  """Times cases in this process."""
  cli.keep_memory()
  cli.keep_programs()
  for name in names:
    try:
      found = bench_one(name, repeats, together)
    except InputError:
      raise
    except Exception as error:  # one case must not cost the others
      found = {"failed": one_line(error)}
    print(json.dumps({"case": name} | found), flush=True)


def start(names: Sequence[str], repeats: int, together: int) -> subprocess.Popen[str]:
  """Starts a process that times cases which have the same flags of XLA."""
  flags = f"{os.environ.get('XLA_FLAGS', '')} {CASES[names[0]].flags}".strip()
  environment = os.environ | {"XLA_FLAGS": flags, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
  command = [
    sys.executable,
    "-m",
    "results.speed.gpu",
    "--here",
    f"--repeats={repeats}",
    f"--together={together}",
  ]
  return subprocess.Popen([*command, *names], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def compiled(names: Sequence[str], limit: float, together: int) -> dict[str, float]:
  """Compiles cases side by side; returns the seconds of those that were done before the limit."""
  before = time.perf_counter()
  left = {name: start([name], 1, together) for name in names}
  taken = {}
  while left and time.perf_counter() - before < limit:
    for name, process in list(left.items()):
      if process.poll() is not None:
        taken[name] = round(time.perf_counter() - before, 1)
        del left[name]
    time.sleep(0.2)
  for process in left.values():
    process.kill()
  return taken


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("names", nargs="*", default=list(CASES))
  parser.add_argument("--limit", type=float, default=150.0)
  parser.add_argument("--repeats", type=int, default=20)
  parser.add_argument("--together", type=int, default=10)
  parser.add_argument("--out", type=path)
  parser.add_argument("--here", action="store_true")
  args = parser.parse_args()
  if unknown := [name for name in args.names if name not in CASES]:
    parser.error(f"{unknown[0]} is none of {', '.join(CASES)}")
  if args.here:
    time_here(args.names, args.repeats, args.together)
    return
  eager = [name for name in args.names if name.startswith(("torch:", "torch eager:", "torch graph:"))]
  taken = compiled([name for name in args.names if name not in eager], args.limit, args.together)
  results = {name: {"not_compiled_after": args.limit} for name in args.names if name not in {*taken, *eager}}
  results |= {name: {} for name in args.names if name not in results}
  groups: dict[tuple[bool, str], list[str]] = {}
  for name in [name for name in args.names if name in taken or name in eager]:
    groups.setdefault((name.startswith("torch"), CASES[name].flags), []).append(name)
  for names in groups.values():
    with start(names, args.repeats, args.together) as process:
      for line in process.stdout or ():
        found = json.loads(line)
        name = found.pop("case")
        print(line, end="", flush=True)
        results[name] = {"compiled_side_by_side_after": taken.get(name)} | found
        if args.out:
          args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
  main()
