"""Measures what checkpoints cost a run at the default interval.

TFDS_DATA_DIR=DIR python -m results.scale.cost --out=DIR      (writes cost.json beside this file)

A run waits while a checkpoint is copied, and may be slower while it is written in the background: the latter
is measured by the lines of the log after each checkpoint, against the other lines. The cost is the sum of
both, over the time between two checkpoints at the default interval; here, checkpoints are more frequent.
"""

import argparse
import json
import pathlib
import runpy
import statistics
import time
from unittest import mock

from gengap import config as settings
from gengap.command_line import cli
from gengap.training import loop
from gengap.training.checkpoint import Checkpoints
from launch import children

HERE = pathlib.Path(__file__).parent
EVERY = 500  # steps between two checkpoints that are timed
INTERVALS = 5  # in a run, after the first
CASES = {
  "dense_vae:mnist": {},
  "wgan_gp": {},
  "non_saturating_gan:mnist": {"network": "dcgan", "width": 32, "latent_dim": 32},
}


def measure(case: str, args: dict, workdir: pathlib.Path) -> dict:
  """Trains one config with timed checkpoints, and returns their cost."""
  name, _, dataset = case.partition(":")
  config = runpy.run_path(str(children.ROOT / "configs" / f"{name}.py"))["get_config"](dataset)
  default = settings.base("vae").to_dict()["checkpoint_every"]
  config.method_args.update(args)
  steps = EVERY * (INTERVALS + 1)
  config.update(steps=steps, log_every=EVERY // 10, checkpoint_every=EVERY)
  config.update(eval_every=steps, sample_every=steps)  # at the end: nothing but checkpoints is in the way
  waited, save = [], Checkpoints.save

  def timed(self, state, meta, scores):
    before = time.perf_counter()
    save(self, state, meta, scores)
    waited.append(time.perf_counter() - before)

  with mock.patch.object(Checkpoints, "save", timed):
    loop.train(config, workdir)
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  rates = {line["step"]: line["steps_per_second"] for line in lines if "steps_per_second" in line}
  seconds = {step: config.log_every / rate for step, rate in rates.items() if step > EVERY}
  after = [x for step, x in seconds.items() if step % EVERY == config.log_every]
  others = [x for step, x in seconds.items() if step % EVERY != config.log_every]
  usual = statistics.median(others)
  between = usual * default / config.log_every
  wait, slower = statistics.median(waited[1:]), statistics.median(after) - usual
  size = sum(path.stat().st_size for path in (workdir / "checkpoints" / str(config.steps)).rglob("*"))
  return {
    "config": case,
    "steps_per_second": config.log_every / usual,
    "megabytes": size / 1e6,
    "seconds_between": between,
    "seconds_waited": wait,
    "seconds_slower": slower,
    "cost": (wait + slower) / between,
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  out = parser.parse_args().out
  cli.keep_memory()
  cli.keep_programs()
  rows = []
  for case, args in CASES.items():
    rows.append(measure(case, args, out / case.replace(":", "_")))
    print(json.dumps(rows[-1]), flush=True)
  (HERE / "cost.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
  main()
