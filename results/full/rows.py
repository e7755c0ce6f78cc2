"""The experiments of the source reports at their own size, as data, the most valuable first."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gengap.errors import InputError, suggest
from gengap.method import Config
from results import judging
from results.claims.numbers import REPORTED
from results.gap.plan import BLOBS, FAST, LATENTS, METHODS

SEEDS = 3  # of every row, at most
PER_DISPATCH = 50  # steps in one device program, at most
FEATURES, TRUTHS, CODES = "features", "truths", "codes"  # what a row is judged by
SCALED = ("decay_steps", "critic_decay_steps")  # arguments that are lengths of training


class Row(NamedTuple):
  """A training of the reports: a config of configs/, and what differs from it."""

  claims: tuple[str, ...]  # that it helps to decide
  config: str  # file of configs/
  data: str
  args: Mapping[str, Any] = {}  # method arguments that differ from the config's
  fields: Mapping[str, Any] = {}  # other fields that differ
  points: int = 10  # checkpoints of a curve, equally far apart; the last is the end
  # FEATURES: samples by features of a network; TRUTHS: samples of blobs by their definition; CODES: squared
  # error and KL of all test images
  judged: str = FEATURES
  reported: Mapping[str, float] = {}  # what the report has
  deviation: str = ""  # from the report

  @property
  def base(self) -> str:
    """The data set that its classes are of."""
    return self.data.partition("/")[0]

  @property
  def classifier(self) -> str:
    """The data set whose classifier judges it; "" if it needs none."""
    return self.base if self.judged == FEATURES else ""

  @property
  def speed(self) -> str:
    """A name of its program: rows of one name take equally long for a step."""
    dtype = self.fields.get("dtype", "")
    return f"{self.config}:{ALIKE.get(self.base, self.base)}{dtype and ':' + dtype}"


ALIKE = {"fashion_mnist": "mnist", "blobs_multi": "blobs_single", "cub200": "cifar10"}  # as fast as
BIRDS = "CIFAR-10's birds and not CUB-200's; float32 and not mixed precision"
CUB = "float32 and not mixed precision"
HALF: dict[str, Any] = {"dtype": "bfloat16"}
BLOB = {"batch_size": 64, "image_size": 32, "steps": 250_000, "ema": 0.0}
BLOB_ARGS = BLOBS | {"width": 32}
RANKED = ("vae", "vae_gan", "gan", "lsgan", "wgan_gp", "cgan")
UNNAMED = "networks, batch and blobs are ours; the report names only latents and updates"
SIZES = {"batch_size": 64, "image_size": 28, "steps": 10_000, "ema": 0.0}
OURS = "the report names neither sizes nor updates; all six methods have one decoder"
EPOCHS = 20


def residual(data: str, end: str, deviation: str) -> dict[str, Row]:
  """Returns the three losses on birds: WGAN-GP, least squares, cross-entropy."""
  losses = (("C3", "wgan_gp"), ("C2", "lsgan"), ("C1", "gan"))
  return {
    f"{claim}_{end}": Row((claim, *{"C3"} - {claim}), config, data, deviation=deviation)
    for claim, config in losses
  }


def codes(claims: Sequence[str], name: str, config: str, **args: Any) -> dict[str, Row]:
  """Returns an autoencoder of CIFAR-10, which is judged by its reconstructions."""
  numbers: dict[str, float] = dict(zip(("reconstruction", "kl"), REPORTED.get(name, ()), strict=False))
  late = "beta rises with every step and not once an epoch" if config == "vae_beta_linear" else ""
  row = Row(tuple(claims), config, "cifar10", args, points=EPOCHS, judged=CODES, reported=numbers)
  return {name: row._replace(deviation=late)}


def blobs(claim: str, data: str) -> dict[str, Row]:
  """Returns the VAE and the GAN of blobs."""
  vae, gan = LATENTS[data]
  args = BLOB_ARGS | {"latent_dim": vae, "likelihood": "gaussian_global"}
  shared = {"fields": BLOB, "judged": TRUTHS, "deviation": UNNAMED}
  return {
    f"{claim}_vae": Row((claim,), "conv_vae", data, args, **shared),
    f"{claim}_gan": Row((claim,), "wgan_gp", data, BLOB_ARGS | FAST | {"latent_dim": gan}, **shared),
  }


def six(data: str) -> dict[str, Row]:
  """Returns six methods with the same decoder."""
  return {
    f"E10_{data}_{name}": Row(
      ("E10", "A12"), METHODS[name][0], data, METHODS[name][1], SIZES, points=5, deviation=OURS
    )
    for name in RANKED
  }


ROWS: dict[str, Row] = {  # one seed of each is planned in this order, then a second one, and so on
  **codes(("C7", "C8", "C9"), "vae_1.0", "vae"),
  **codes(("C9",), "vae_linear", "vae_beta_linear"),
  **codes(("C8",), "vae_0.8", "vae", beta=0.8),
  **codes(("C8",), "vae_1.2", "vae", beta=1.2),
  **residual("cifar10/bird", "bird", BIRDS),
  **codes(("C6",), "ae_16", "ae", latent_dim=16),
  **codes(("C6",), "ae_128", "ae", latent_dim=128),
  **codes(("C6",), "ae_1024", "ae", latent_dim=1024),
  "C3_bird_bfloat16": Row(
    ("C3",), "wgan_gp", "cifar10/bird", fields=HALF, deviation="CIFAR-10's birds and not CUB-200's"
  ),
  "vae_1.0_bfloat16": Row(
    ("C7",), "vae", "cifar10", fields=HALF, points=EPOCHS, judged=CODES, deviation="bfloat16"
  ),
  **blobs("B9", "blobs_single"),
  **blobs("B10", "blobs_multi"),
  **six("mnist"),
  **six("fashion_mnist"),
  "A11": Row(
    ("A11",),
    "dcgan",
    "cifar10",
    points=20,
    deviation="the report names epochs, and neither networks nor rates",
  ),
  **residual("cub200", "cub200", CUB),
}


def select(names: Sequence[str] | None) -> dict[str, Row]:
  """Returns the rows of claims or of their own names, in the order of ROWS; all for None.

  Raises:
    InputError: a name is neither.
  """
  claims = {claim for row in ROWS.values() for claim in row.claims}
  for name in names or ():
    if name not in ROWS and name not in claims:
      known = [*sorted(claims), *ROWS]
      raise InputError(
        f"--only {name} is none of {', '.join(sorted(claims))}, and no row of results/full/rows.py"
        f"{suggest(name, known)}"
      )
  return {name: row for name, row in ROWS.items() if names is None or {name, *row.claims} & set(names)}


def scaled(length: int, scale: float) -> int:
  """Returns a length of training at a scale, at least 1."""
  return max(1, round(length * scale))


def describe(row: Row, scale: float) -> Config:
  """Returns the config of a row.

  It is evaluated and saved `row.points` times, equally far apart. At another scale than 1, schedules are as
  much shorter as the training.
  """
  config = judging.read_config(row.config, row.data)
  config.update(dict(row.fields))
  config.method_args.update(copy.deepcopy(dict(row.args)))
  every = scaled(config.steps // row.points, scale)
  every = round(every, -1) if scale != 1 and every >= PER_DISPATCH else every
  together = max(n for n in range(1, PER_DISPATCH + 1) if every % n == 0)
  config.update(steps=row.points * every, steps_per_dispatch=together, log_every=together)
  config.update(eval_every=every, sample_every=every, checkpoint_every=every)
  config.update(keep_checkpoints=1 if row.judged == CODES else 1000)
  if scale != 1:
    args = config.method_args
    args.update({name: scaled(args[name], scale) for name in SCALED if args.get(name)})
    if "steps" in (args.get("beta") if hasattr(args.get("beta"), "keys") else ()):
      args.beta.steps = scaled(args.beta.steps, scale)
  return config


def classifier(data: str, scale: float) -> Config:
  """Returns the config of the classifier of a data set."""
  full = judging.read_config("classifier", data).steps
  return judging.classifier_config(data, scaled(full, scale))
