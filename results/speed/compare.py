"""Times gengap against PyTorch: the same steps, in turn on one machine.

python results/speed/compare.py [--rounds=5] [--torch_python=PYTHON] [--out=results/speed/cpu.json]

Every round runs gengap and then PyTorch, each in its own process; the ratio is computed within the round.
--torch_python names a Python that has PyTorch, which is not a dependency of gengap.
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
SIZES = {  # of the networks, as in torch_peer.py
  "resnet": {"width": 32, "image_size": 32, "channels": 3},
  "dcgan": {"width": 32, "image_size": 28, "channels": 1},
  "dense": {"width": 256, "image_size": 32, "channels": 1},
}
LOSSES = ("wgan_gp", "gan", "lsgan", "hinge", "wgan")
AUTOENCODERS = (
  "vae",
  "ae",
  "small_vae",
  "skip_vae",
  "planar_vae",
  "hierarchical_vae",
  "vae_gan",
)  # by config
CASES = [f"{network}_{loss}" for loss in LOSSES for network in SIZES] + [*AUTOENCODERS, "r3gan", "diffusion"]
PEERS = {  # of the cases that PyTorch runs too
  "vae": "torch_peer.py",
  **{f"{network}_{loss}": "torch_peer.py" for loss in ("gan", "wgan_gp") for network in SIZES},
  "r3gan": "torch_r3gan.py",
  "diffusion": "torch_unet.py",
}
HOW = (["--threads=2"], ["--threads=2", "--layout=contiguous_format"], ["--threads=1"])


def fields(case: str) -> list[str]:
  """Returns the config and its overrides: a network and a loss, or a config, on blobs."""
  if case in AUTOENCODERS:
    return [f"--config=configs/{case}.py", "--config.channels=3", "--config.image_size=32"]
  if case == "diffusion":
    data = ["--config.image_size=28", "--config.channels=1", "--config.batch_size=64", "--config.ema=0.0"]
    return ["--config=configs/diffusion.py", "--config.method_args.width=32", *data]
  if case == "r3gan":
    args = ["--config.method_args.width=32", "--config.method_args.latent_dim=64"]
    data = ["--config.image_size=28", "--config.channels=1", "--config.batch_size=64"]
    return ["--config=configs/r3gan.py", *args, *data, "--config.ema=0.0"]
  network, _, loss = case.partition("_")
  size, n_critic = SIZES[network], 5 if loss.startswith("wgan") and network != "dense" else 1
  args = {"network": network, "width": size["width"], "latent_dim": 128, "n_critic": n_critic}
  return [
    f"--config=configs/{loss + '_gan' * (loss == 'hinge')}.py",
    *(f"--config.method_args.{name}={value}" for name, value in args.items()),
    f"--config.image_size={size['image_size']}",
    f"--config.channels={size['channels']}",
    "--config.batch_size=64",
    "--config.ema=0.0",
  ]


def last_line(command: list[str]) -> dict:
  """Runs a command and reads the JSON object that it prints last."""
  env = os.environ | {"PYTHONPATH": str(ROOT)}
  done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
  return json.loads(done.stdout.splitlines()[-1])


def compare(which: str, rounds: int, steps: int, torch_python: str) -> dict:
  """Times one case: medians of both, and the ratio of each round; gengap alone if there is no peer.

  PyTorch gets the layout and number of threads that were fastest in the first round.
  """
  bench = [sys.executable, "-m", "gengap.bench", *fields(which), f"--steps={steps}"]
  if which not in PEERS:
    return {"gengap": last_line(bench)}
  peer = [torch_python, str(HERE / PEERS[which]), f"--which={which}", f"--steps={steps}"]
  tried = {tuple(how): last_line([*peer, *how])["step_seconds"] for how in HOW}
  best = min(tried, key=lambda how: tried[how])
  runs = [(last_line(bench), last_line([*peer, *best])) for _ in range(rounds)]
  pairs = [(a["step_seconds"], b["step_seconds"]) for a, b in runs]
  ratios = [a / b for a, b in pairs]
  return {
    "gengap_step_seconds": statistics.median(a for a, _ in pairs),
    "torch_step_seconds": statistics.median(b for _, b in pairs),
    "ratio": statistics.median(ratios),
    "ratios": ratios,
    "gengap": runs[-1][0],
    "torch": runs[-1][1] | {"how": best, "tried": {" ".join(how): t for how, t in tried.items()}},
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--out", type=pathlib.Path, default=HERE / "cpu.json")
  parser.add_argument("--cases", nargs="*", default=CASES)
  args = parser.parse_args()
  results = {}
  for which in args.cases:
    found = results[which] = compare(which, args.rounds, args.steps, args.torch_python)
    line = f"{which}: {found['gengap']['step_seconds']:.4f} s"
    if "ratio" in found:
      low, high = min(found["ratios"]), max(found["ratios"])
      line = f"{which}: gengap / PyTorch = {found['ratio']:.3f} ({low:.3f} to {high:.3f})"
    print(line, flush=True)
    args.out.write_text(json.dumps({"load_after": os.getloadavg(), "cases": results}, indent=2) + "\n")


if __name__ == "__main__":
  main()
