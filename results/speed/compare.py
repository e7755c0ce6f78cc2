"""Times gengap against PyTorch: the same steps, taken in turn on one machine.

python results/speed/compare.py [--rounds=5] [--torch_python=PYTHON] [--out=results/speed/cpu.json]

Every round runs gengap, then PyTorch, each in a process of its own; the ratio is taken within the round.
--torch_python names a Python that has PyTorch; PyTorch is no dependency of gengap.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
COLOUR = ["--config.channels=3", "--config.image_size=32"]
CASES = {
  "wgan_gp": [
    "--config=configs/wgan_gp.py",
    "--config.method_args.network=resnet",
    "--config.method_args.width=32",
    "--config.method_args.latent_dim=128",
    "--config.method_args.n_critic=5",
    "--config.batch_size=64",
    *COLOUR,
  ],
  "vae": ["--config=configs/vae.py", "--config.batch_size=256", *COLOUR],
  "dense": [
    "--config=configs/wgan_gp.py",
    "--config.method_args.network=dense",
    "--config.method_args.width=256",
    "--config.method_args.latent_dim=128",
    "--config.method_args.n_critic=1",
    "--config.batch_size=64",
    "--config.image_size=32",
  ],
}
THREADS = {
  "wgan_gp": [2],
  "vae": [2],
  "dense": [1, 2],
}  # the better counts


def last_line(command: list[str]) -> dict:
  """Runs a command and reads the JSON object that it prints last."""
  env = os.environ | {"PYTHONPATH": str(ROOT)}
  done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
  return json.loads(done.stdout.splitlines()[-1])


def compare(which: str, rounds: int, steps: int, torch_python: str) -> dict:
  """Times one case: medians of both, and the ratio of each round."""
  ours, theirs = [], []
  for _ in range(rounds):
    bench = [sys.executable, "-m", "gengap.bench", *CASES[which], f"--steps={steps}"]
    ours.append(last_line(bench))
    peer = [torch_python, str(HERE / "torch_peer.py"), f"--which={which}", f"--steps={steps}"]
    runs = [last_line([*peer, f"--threads={n}"]) for n in THREADS[which]]
    theirs.append(min(runs, key=lambda run: run["step_seconds"]))
  pairs = [(a["step_seconds"], b["step_seconds"]) for a, b in zip(ours, theirs, strict=True)]
  ratios = [a / b for a, b in pairs]
  return {
    "gengap_step_seconds": statistics.median(a for a, _ in pairs),
    "torch_step_seconds": statistics.median(b for _, b in pairs),
    "ratio": statistics.median(ratios),
    "ratios": ratios,
    "gengap": ours[-1],
    "torch": theirs[-1],
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--out", type=pathlib.Path, default=HERE / "cpu.json")
  parser.add_argument("--cases", nargs="*", default=list(CASES))
  args = parser.parse_args()
  results = {}
  for which in args.cases:
    results[which] = compare(which, args.rounds, args.steps, args.torch_python)
    print(f"{which}: gengap / PyTorch = {results[which]['ratio']:.3f} ", end="")
    print(f"({min(results[which]['ratios']):.3f} to {max(results[which]['ratios']):.3f})", flush=True)
  load = os.getloadavg()
  args.out.write_text(json.dumps({"load_after": load, "cases": results}, indent=2) + "\n")


if __name__ == "__main__":
  main()
