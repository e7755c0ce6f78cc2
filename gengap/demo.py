"""Compares a VAE with a GAN on scikit-learn's digits, from nothing to a page, without a network.

python -m gengap.demo [--out=DIR]

It trains a classifier, a VAE and a GAN, evaluates both with the classifier's features, and writes the page.
Every step is a command that it prints. The same command goes on where it was stopped.
"""

import pathlib
import shlex
import subprocess
import sys
import time
from typing import NamedTuple

from gengap.command_line import cli
from gengap.errors import InputError
from gengap.storage import paths

FLAGS = cli.flags()
OUT = cli.define_path("out", "Folder of the demo; by default runs/demo.", FLAGS)

CLASSIFIER_STEPS, STEPS = 500, 2000
SIZES = ("--config.image_size=8", "--config.batch_size=64", "--config.ema=0.99", "--config.log_every=250")
DENSE = ("--config.method_args.network=dense", "--config.method_args.width=64")
FEW = ("--num_samples=500", "--num_images=100")
LATENT = "--config.method_args.latent_dim=10"
FASTER = ("--config.method_args.learning_rate=5e-4", "--config.method_args.critic_learning_rate=1e-3")


class Step(NamedTuple):
  """A command of the demo."""

  what: str
  arguments: tuple[str, ...]  # after `python -m`
  result: pathlib.Path  # which exists once the command has been run


def train(what: str, config: str, workdir: pathlib.Path, steps: int, *arguments: str) -> Step:
  """Returns the step that trains a run on digits."""
  often = [f"--config.{name}_every=500" for name in ("eval", "sample", "checkpoint")]
  command = ("gengap.main", f"--config={config}:digits", f"--workdir={workdir}", f"--config.steps={steps}")
  return Step(what, (*command, *SIZES, *often, *arguments), workdir / "checkpoints" / str(steps))


def steps(out: pathlib.Path) -> list[Step]:
  """Returns the steps of the demo in a folder."""
  classifier, vae, gan = out / "classifier", out / "vae", out / "gan"
  slow = (f"--config.method_args.decay_steps={CLASSIFIER_STEPS}", "--config.method_args.shift=0")
  evaluations = [
    Step(
      f"evaluate the {name}: samples against test images, by the classifier's features",
      ("gengap.evaluate", f"--workdir={workdir}", f"--classifier={classifier}", *FEW),
      workdir / "eval" / f"{STEPS}.json",
    )
    for name, workdir in (("VAE", vae), ("GAN", gan))
  ]
  return [
    train("train a classifier of digits", "classifier", classifier, CLASSIFIER_STEPS, *slow),
    train("train a VAE", "conv_vae", vae, STEPS, *DENSE, LATENT),
    train("train a GAN with the same decoder", "dense_gan", gan, STEPS, *DENSE, LATENT, *FASTER),
    *evaluations,
    Step(
      "write the page",
      ("gengap.report", f"--workdirs={vae},{gan}", f"--out={out / 'report'}"),
      out / "report",
    ),
  ]


def main(rest: list[str]) -> None:
  """Runs the steps that have not been run yet.

  Raises:
    InputError: a step failed.
  """
  cli.require(rest)
  out = paths.local(OUT.value or "runs/demo", "--out")
  plan, before = steps(out), time.perf_counter()
  say(
    f"a VAE against a GAN on scikit-learn's digits, in {out}: {len(plan)} commands, under five minutes on two"
  )
  say("idle CPU cores. Ctrl-C stops it; the same command goes on from there.")
  for number, step in enumerate(plan, 1):
    last = number == len(plan)
    if step.result.exists() and not last:
      say(f"\n[{number}/{len(plan)}] {step.what}: done before")
      continue
    say(f"\n[{number}/{len(plan)}] {step.what}\n$ {shlex.join(['python', '-m', *step.arguments])}")
    begun = time.perf_counter()
    if status := subprocess.run([sys.executable, "-m", *step.arguments]).returncode:
      raise InputError(
        f"this command ended with status {status}; its message is above. The demo goes on from it"
      )
    say(f"[{number}/{len(plan)}] took {time.perf_counter() - begun:.0f} s")
  say(f"\nafter {time.perf_counter() - before:.0f} s: open {out / 'report' / 'index.html'}")


def say(text: str) -> None:
  """Prints a line at once."""
  print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
  cli.run(main, FLAGS)
