"""Trains and judges the runs of this folder, each in this process, and keeps what the page needs of each.

  python -m results.gap_long.runs [NAME ...] --out=runs/gap_long [--data mnist fashion_mnist] [--seeds 0 1 2]

A judged run is kept in records/DATA/NAME/SEED: its scores.json, as a report writes it, and grids of samples.
It is skipped from then on, on any machine, unless its config or the version of gengap changed. Interrupted
trainings resume, and several processes share the work. Features are those of `zoo:classifier_DATA`.
"""

import contextlib
import fcntl
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import gengap
from gengap import cli, paths
from gengap.config import native_size, plain
from gengap.evaluation import Evaluator, Options, files
from gengap.method import Config
from gengap.probes import probe
from gengap.report import gallery, groups, run_files, scores_file, webp
from gengap.training import loop
from launch.parser import Parser, path
from results import judging

HERE = pathlib.Path(__file__).parent
RECORDS = HERE / "records"
UPDATES = 5000  # of the generator (decoder), of every method
EVERY = 1250  # updates between evaluations: the rule of the budget looks at the last two
SAVED = 250  # updates between checkpoints, among which the one of equal operations is found
SAMPLES = 10_000

# One decoder, and one optimiser of all GANs
PAIR = {"network": "dcgan", "width": 32, "latent_dim": 32}
ADAM = {"learning_rate": 2e-4, "critic_learning_rate": 2e-4, "b1": 0.5, "b2": 0.999}
CONSTANT = {"decay_steps": 0, "critic_decay_steps": 0}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {  # name -> config, arguments that differ from it
  "vae": ("conv_vae", PAIR | {"likelihood": "gaussian_global"}),
  "mmd_vae": ("mmd_vae", PAIR),
  "gan": ("non_saturating_gan", PAIR | ADAM),
  "lsgan": ("lsgan", PAIR | ADAM | CONSTANT | {"n_critic": 1}),
  "wgan_gp": ("wgan_gp", PAIR | ADAM | CONSTANT | {"n_critic": 1}),
  "cgan": ("cgan", PAIR | ADAM),
  "vae_gan": ("vae_gan", PAIR),
  "hierarchical_vae": ("hierarchical_vae", {"width": 32, "likelihood": "gaussian_global"}),
  "relativistic_gan": ("relativistic_gan", PAIR | ADAM | {"gamma": 0.1}),
  "vq_vae": ("vq_vae", {"width": 64, "codes": 128, "code_dim": 32, "prior_width": 64, "prior_layers": 2}),
  "diffusion": ("diffusion", {"width": 16, "network_evaluations": 19}),
  "wgan_gp_5": ("wgan_gp", PAIR | ADAM | CONSTANT | {"n_critic": 5}),
}
LATENT_VAES = ("vae", "mmd_vae", "vae_gan")  # with one vector of latents: also sampled from a mixture
VAES = (*LATENT_VAES, "hierarchical_vae", "vq_vae")
PROBED = (*LATENT_VAES, "gan", "lsgan", "wgan_gp", "cgan", "relativistic_gan")

EACH = ("frechet",)  # metrics of every evaluation
LAST = ("frechet", "kid", "prdc", "classes", "sharpness", "diversity", "memorisation")
ENCODED = ("posterior", "likelihood", "reconstructions")
PROBES = ("interpolation", "latents", "inversion")
PIXELS = {"features": "pixels", "metrics": ("frechet", "prdc"), "num_samples": SAMPLES, "sample_seeds": (0,)}
MIXTURE = "mixture:10"
CURVE_SAMPLES = 2000  # at each temperature
PICTURED = (0, 1, 2)  # seeds of which samples are kept
EXPLORED = ("vae", "mmd_vae", "gan", "wgan_gp", "relativistic_gan")  # of which images over a plane are kept

Evaluators: TypeAlias = dict[str, Evaluator]  # options -> evaluator


def describe(name: str, data: str, seed: int) -> Config:
  """Returns the config of a run."""
  file, args = METHODS[name]
  config = judging.read_config(file, data)
  config.method_args.update(args)
  config.update(steps=UPDATES, image_size=native_size(data), batch_size=64, seed=seed, ema=0.999)
  config.update(eval_every=EVERY, sample_every=EVERY, checkpoint_every=SAVED, keep_checkpoints=1000)
  return config


def folder(name: str, data: str, seed: int) -> pathlib.Path:
  """Returns where a judged run is kept."""
  return RECORDS / data / name / str(seed)


def kept(name: str, data: str, seed: int) -> bool:
  """Whether a run was judged, with this config, by this version."""
  file = folder(name, data, seed) / "scores.json"
  if not file.exists():
    return False
  found = json.loads(file.read_text())
  config = found["runs"][0]["config"]
  return found["gengap"] == gengap.__version__ and config == plain(describe(name, data, seed))


@contextlib.contextmanager
def alone(workdir: pathlib.Path) -> Iterator[bool]:
  """Yields whether no other process has this run."""
  workdir.parent.mkdir(parents=True, exist_ok=True)
  with workdir.with_suffix(".lock").open("w") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      yield False
    else:
      yield True


def equal_operations(workdir: pathlib.Path, data: str) -> int:
  """Returns the checkpoint that has spent as many operations of training as all updates of the VAE."""
  budget = UPDATES * operations(RECORDS / data / "vae" / "0" / "scores.json")
  spent = float(json.loads((workdir / "run.json").read_text())["flops_per_step"])
  return min(UPDATES, max(SAVED, round(budget / spent / SAVED) * SAVED))


def operations(file: pathlib.Path) -> float:
  """Returns the floating-point operations of a step of a run that was kept."""
  return json.loads(file.read_text())["runs"][0]["run"]["flops_per_step"]


def evaluate(workdir: pathlib.Path, steps: list[int], shared: Evaluators, **options: Any) -> None:
  """Evaluates checkpoints of a run and writes the numbers into its workdir.

  Args:
    workdir: of the run.
    steps: of the checkpoints.
    shared: the evaluators of runs on the same data, to which that of these options is added.
    **options: of the evaluation.
  """
  for step in steps:
    run, key = gengap.load(workdir, step), repr(sorted(options.items()))
    if key not in shared:
      shared[key] = Evaluator(run, options=Options(sample_seeds=(0,), **options))
    where = workdir / "eval" / f"{step}{shared[key].options.sampling.suffix}.json"
    where.parent.mkdir(exist_ok=True)
    files.write(shared[key].evaluate(run, pictures=where.with_suffix(""), command=cli.command()), where)


def judge(name: str, data: str, workdir: pathlib.Path, shared: Evaluators) -> None:
  """Evaluates and probes a run, and writes the numbers into its workdir; `shared` as in `evaluate`."""
  features: dict[str, Any] = {"features": "classifier", "classifier": f"zoo:classifier_{data}"}
  equal = UPDATES if name == "vae" else equal_operations(workdir, data)
  last, others = sorted({equal, UPDATES}), set(range(EVERY, UPDATES, EVERY)) - {equal}
  evaluate(workdir, sorted(others), shared, metrics=EACH, num_samples=SAMPLES, **features)
  evaluate(workdir, last, shared, metrics=LAST, num_samples=SAMPLES, **features)
  if name in LATENT_VAES:
    evaluate(workdir, last, shared, metrics=LAST, num_samples=SAMPLES, sampling=MIXTURE, **features)
  if name in VAES:
    evaluate(workdir, [UPDATES], {}, metrics=ENCODED, num_images=500, samples=100)
  evaluate(workdir, [UPDATES], {}, metrics=("sampling",))
  if name in PROBED:
    evaluate(workdir, [UPDATES], shared, metrics=("curve",), num_samples=CURVE_SAMPLES, **features)
    probes = workdir / "probes" / str(UPDATES)
    few: dict[str, Any] = {"num_samples": 300, "encoder_steps": 300}
    probe(workdir, folder=probes, probes=PROBES, command=cli.command(), **few, **features)
  run = gengap.load(workdir, UPDATES)
  in_pixels = shared.setdefault("pixels", Evaluator(run, options=Options(**PIXELS)))
  scores = in_pixels.evaluate(run).scores
  values = {key: [judging.rounded(x) for x in (score.value, score.floor)] for key, score in scores.items()}
  (workdir / "pixels.json").write_text(json.dumps(values) + "\n")


def pictured(name: str, seed: int, file: str) -> bool:
  """Whether a picture of a run is kept, given its path."""
  last = pathlib.PurePath(file).stem == str(UPDATES)
  if "/probes/" in file or seed not in PICTURED:
    return False
  if "explorer" in file:
    return seed == 0 and name in EXPLORED
  return seed == 0 or last


def keep(name: str, data: str, seed: int, workdir: pathlib.Path) -> None:
  """Writes what the page needs of a judged run into its folder; scores.json, which marks it as kept, last."""
  place = folder(name, data, seed)
  (comparison,) = groups.comparisons(run_files.read_all(workdir))
  for file, content in gallery.of(comparison).files.items():
    if pictured(name, seed, file):
      paths.write(place / file, content)
  if name in LATENT_VAES and seed == 0:
    paths.write(
      place / "mixture.webp", webp.lossless(judging.samples(gengap.load(workdir, UPDATES), seed, MIXTURE, 16))
    )
  paths.write(place / "pixels.json", (workdir / "pixels.json").read_bytes())
  paths.write(place / "scores.json", scores_file.store([comparison]).encode())


def run(name: str, data: str, seed: int, out: pathlib.Path, shared: Evaluators) -> None:
  """Trains, judges and keeps a run, unless it is kept or another process has it; `shared`: see `evaluate`."""
  workdir = out / data / name / str(seed)
  with alone(workdir) as free:
    if not free or kept(name, data, seed):
      return
    start = time.perf_counter()
    loop.train(describe(name, data, seed), workdir)
    trained = time.perf_counter()
    judge(name, data, workdir, shared)
    keep(name, data, seed, workdir)
    seconds = trained - start, time.perf_counter() - trained
  print(f"{data} {name} {seed}: {seconds[0]:.0f} s of training, {seconds[1]:.0f} s of judging", flush=True)


def main() -> None:
  """Makes all runs that the command line names."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=path, required=True)
  parser.add_argument("--data", nargs="*", default=["mnist", "fashion_mnist"])
  parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
  parser.add_argument("names", nargs="*", default=list(METHODS))
  args = parser.parse_args()
  if unknown := [name for name in args.names if name not in METHODS]:
    parser.error(f"{unknown[0]} is none of {', '.join(METHODS)}")
  cli.keep_memory()
  cli.keep_programs()
  shared: dict[str, Evaluators] = {data: {} for data in args.data}
  for seed in args.seeds:
    for data in args.data:
      for name in args.names:
        run(name, data, seed, args.out, shared[data])


if __name__ == "__main__":
  main()
