"""Times a step on one machine whose cores are shared by several processes and simulated devices.

python -m results.scale.layouts [--rounds=5] [--configs conv_vae wgan_gp]      (into layouts.json)

Each device has as many images as the single device of the first row. They share the cores, so n devices take
n times as long if splitting costs nothing. "through the runtime" is one process that starts JAX's
multi-process runtime. Layouts are timed in turn, each in its own processes.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from launch import children, local

HERE = pathlib.Path(__file__).parent
BATCH = 32  # images of a device
FIELDS = {
  "image_size": 28,
  "method_args.network": "dcgan",
  "method_args.width": 32,
  "method_args.latent_dim": 32,
}
LAYOUTS = {  # name -> processes, devices of each; 0 processes: without the runtime
  "1 device": (0, 1),
  "1 device, through the runtime": (1, 1),
  "2 devices": (0, 2),
  "4 devices": (0, 4),
  "2 processes": (2, 1),
  "2 processes of 2 devices": (2, 2),
  "4 processes": (4, 1),
}


def seconds(config: str, processes: int, devices: int) -> float:
  """Returns the seconds of a step, measured by gengap.bench."""
  fields = FIELDS | {"batch_size": BATCH * devices * max(1, processes)}
  flags = [f"--config=configs/{config}.py", *(f"--config.{name}={value}" for name, value in fields.items())]
  launcher = ["launch.local", f"--processes={processes}", f"--devices={devices}"] if processes else []
  call = [sys.executable, "-m", *launcher, "gengap.bench", *flags]
  env = local.environment(devices)
  found = subprocess.run(call, cwd=children.ROOT, env=env, stdout=subprocess.PIPE, check=True)
  return json.loads(found.stdout.splitlines()[-1])["step_seconds"]


def turns(config: str) -> dict[str, float]:
  """Returns the seconds of a step in every layout, timed in turn."""
  return {name: seconds(config, *layout) for name, layout in LAYOUTS.items()}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--configs", nargs="+", default=["conv_vae", "wgan_gp"])
  args = parser.parse_args()
  path = HERE / "layouts.json"
  found = [row for row in json.loads(path.read_text()) if row["config"] not in args.configs]
  for config in args.configs:
    rounds = [turns(config) for _ in range(args.rounds)]
    for name, (processes, devices) in LAYOUTS.items():
      ratios = [x[name] / x["1 device"] for x in rounds]
      parts = max(1, processes) * devices
      row = {"config": config, "layout": name, "step_seconds": statistics.median(x[name] for x in rounds)}
      row |= {"times": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
      found.append(row | {"efficiency": parts / row["times"]})
      print(json.dumps(found[-1]), flush=True)
  path.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
  main()
