"""The fields that every config has, their defaults, and the checks that need no data."""

import json
from typing import Any

import jax
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from gengap import methods
from gengap.errors import InputError, suggest
from gengap.method import Config
from gengap.storage import paths

DTYPES = ("float32", "bfloat16")
OBJECTS = ("fashion_mnist", "cifar10", "cub200")  # the same in a mirror; harder than digits and blobs
DATASET_ARGS = {"count": int, "sigma": float, "num_train": int, "num_test": int, "seed": int}
AT_LEAST_ONE = [
  "batch_size",
  "steps",
  "image_size",
  "eval_every",
  "eval_images",
  "checkpoint_every",
  "log_every",
  "sample_every",
  "steps_per_dispatch",
  "keep_checkpoints",
  "seeds",
]


def base(method: str, dataset: str = "", **method_args: Any) -> Config:
  """Returns the config of a run with the defaults; a config file changes only what its experiment needs.

  Args:
    method: a name in gengap.methods.METHODS.
    dataset: the text after the colon of --config; if it is empty, the embedded blobs_single.
    **method_args: the builder's arguments that differ from its own defaults.
  """
  return ConfigDict(
    dict(
      method=method,
      method_args=ConfigDict(methods.defaults(method) | method_args),
      dataset=dataset or "blobs_single",
      dataset_args=ConfigDict({k: placeholder(t) for k, t in DATASET_ARGS.items()}),  # of blobs
      data_dir="",  # of TFDS; "" is $TFDS_DATA_DIR, else TFDS's own default
      image_size=32,
      channels=0,  # 1 is grayscale, 3 is colour, 0 keeps those of the data set
      validation_share=0.1,  # of the training images, if there is no validation split; 0 uses the test split
      horizontal_flip=False,  # mirror each training image, left to right, with probability 1/2
      batch_size=64,  # over all devices
      steps=10_000,  # generator (decoder) updates
      seed=0,
      seeds=1,  # runs, of seeds seed, seed + 1, ..., that are trained together, each in WORKDIR/SEED
      ema=0.0,  # decay of the moving average of the weights; 0 keeps none
      dtype="float32",  # or bfloat16: of the computations, never of the parameters
      steps_per_dispatch=1,  # steps in one call of the device program
      data_device_bytes=2**31,  # of uint8 images; the host reads larger data, which gives the same run
      log_every=50,
      sample_every=1000,
      eval_every=1000,
      eval_images=1024,  # held-out images, and generated images, in one evaluation
      checkpoint_every=1000,
      keep_checkpoints=3,  # the latest ones; the best is always kept
      best="valid/energy_distance",  # the metric whose smallest finite value marks the best checkpoint
      patience=0,  # training stops after this many evaluations without a better `best`; 0 disables it
    )
  )


def on_blobs(config: Config, **method_args: Any) -> Config:
  """Returns a config, made smaller if its data are blobs: 16x16 pixels, minutes on two CPU cores.

  Args:
    config: for real images.
    **method_args: other arguments for blobs.
  """
  if config.dataset.startswith("blobs"):
    config.method_args.update(dict(width=16, latent_dim=4) | method_args)
    config.update(image_size=16, batch_size=32, steps=3000, ema=0.99)
    config.update(sample_every=1000, eval_every=1000, checkpoint_every=1000)
  return config


def native_size(dataset: str) -> int:
  """Returns the side of images that most configs train on: 28 pixels for the MNIST data sets, else 32."""
  return 28 if dataset.endswith("mnist") else 32


def residual_gan(method: str, dataset: str, **method_args: Any) -> Config:
  """Returns the settings of a GAN with residual networks: the same networks and schedule for every loss.

  The source report updates the critic in each of 30,000 iterations and the generator in every fifth: that is
  6,000 steps of 5 critic updates and one generator update. The learning rates decay linearly to 0 over
  500,000 and 100,000 updates, of which these steps are the first part.

  Args:
    method: an adversarial one.
    dataset: what stands after the colon of --config.
    **method_args: what else differs from the method's defaults.
  """
  networks = dict(network="resnet", width=128, latent_dim=128, n_critic=5)
  config = base(method, dataset, **networks, decay_steps=100_000, critic_decay_steps=500_000, **method_args)
  config.update(batch_size=192, steps=6000, sample_every=200, eval_every=200, checkpoint_every=200)
  return config


def conv_autoencoder(method: str, dataset: str, best: str, **method_args: Any) -> Config:
  """Returns the settings of convolutional autoencoders of CIFAR-10: 20 epochs of all its training images.

  The test split validates, since no training image is held out.

  Args:
    method: "ae" or "vae".
    dataset: what stands after the colon of --config.
    best: the number that marks the best checkpoint.
    **method_args: what else differs from the method's defaults.
  """
  epoch = 50_000 // 256  # steps
  config = base(method, dataset, network="conv", width=32, **method_args)
  config.update(batch_size=256, steps=20 * epoch, validation_share=0.0, best=best)
  config.update(log_every=epoch // 5, eval_every=epoch, checkpoint_every=epoch, sample_every=epoch)
  return config


def small_vae(dataset: str, **method_args: Any) -> Config:
  """Returns the settings of a VAE of the small networks, with 128 latents.

  Args:
    dataset: what stands after the colon of --config.
    **method_args: what else differs from the method's defaults.
  """
  config = base("vae", dataset, network="small", width=16, latent_dim=128, clip_norm=0.0, **method_args)
  config.update(image_size=native_size(dataset), batch_size=128, steps=20_000, best="valid/vae/bits")
  return config


def classifier(dataset: str) -> Config:
  """Returns the settings of a residual classifier: about ten epochs, but 2.5 of blobs and 100 of digits.

  Args:
    dataset: what stands after the colon of --config.
  """
  objects, blobs = dataset.partition("/")[0] in OBJECTS, not dataset or dataset.startswith("blobs")
  digits = dataset == "digits"
  width, steps = (32, 12_000) if objects else (16, 2000 if blobs or digits else 9000)
  shift = 0 if blobs else 1 if digits else 2  # pixels; the class of a blob is its place
  size = 16 if blobs else 8 if digits else native_size(dataset)
  config = base("classifier", dataset, width=width, shift=shift, flip=objects, decay_steps=steps)
  config.update(image_size=size, batch_size=64, steps=steps, ema=0.999)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config


def plain(config: Config) -> dict[str, Any]:
  """Returns a config as JSON reads it back, with references resolved."""
  return json.loads(json.dumps(config.to_dict(), default=str))


def alone(config: Config, seed: int) -> Config:
  """Returns the config with which the run of a seed is trained alone."""
  found = config.copy_and_resolve_references()
  found.update(seed=seed, seeds=1)
  return found


def complete(fields: dict[str, Any]) -> dict[str, Any]:
  """Returns the fields of a run's config.json with the defaults of those that are newer than the run."""
  if not isinstance(method := fields.get("method"), str) or method not in methods.METHODS:
    return fields
  defaults = plain(base(method))
  nested = {
    name: default | fields[name]
    for name, default in defaults.items()
    if isinstance(default, dict) and isinstance(fields.get(name), dict)
  }
  return defaults | fields | nested


def flatten(tree: dict[str, Any], prefix: str = "config") -> dict[str, Any]:
  """Returns a nested config as one level, such as {"config.method_args.width": 32}."""
  flat = {}
  for name, value in tree.items():
    path = f"{prefix}.{name}"
    flat |= flatten(value, path) if isinstance(value, dict) else {path: value}
  return flat


def check(config: Config) -> None:
  """Checks every field that can be checked without data; `methods.build` checks the values of method_args.

  Raises:
    InputError: names the field, its value and what is allowed.
  """
  methods.check_arguments(config)
  if config.data_dir:
    paths.place(config.data_dir, "config.data_dir")
  for name in AT_LEAST_ONE:
    if config[name] < 1:
      raise InputError(f"config.{name} is {config[name]}; it must be at least 1")
  if config.data_device_bytes < 0:
    raise InputError(f"config.data_device_bytes is {config.data_device_bytes}; it must be 0 or above")
  if config.patience < 0:
    raise InputError(f"config.patience is {config.patience}; it must be 0 (never stop early) or above")
  if config.patience and config.eval_every % config.checkpoint_every:
    raise InputError(
      f"config.patience is {config.patience}, and config.eval_every, {config.eval_every}, is no multiple of "
      f"config.checkpoint_every, {config.checkpoint_every}: the best weights would not be kept"
    )
  if config.dtype not in DTYPES:
    raise InputError(
      f"config.dtype is {config.dtype!r}; it must be one of {', '.join(DTYPES)}"
      + suggest(config.dtype, DTYPES)
    )
  if not 0 <= config.ema < 1:
    raise InputError(f"config.ema is {config.ema}; it must be in [0, 1)")
  if not 0 <= config.validation_share < 1:
    raise InputError(f"config.validation_share is {config.validation_share}; it must be in [0, 1)")
  if config.channels not in (0, 1, 3):
    raise InputError(f"config.channels is {config.channels}; it must be 0 (as the data), 1 or 3")
  if not 0 <= config.seed <= 2**32 - config.seeds:
    raise InputError(f"config.seed is {config.seed}; it must be in [0, 2^32 - config.seeds]")
  if not config.dataset:
    raise InputError("config.dataset is empty; name one, such as blobs_single")
  devices = jax.device_count()
  if config.batch_size % devices:
    nearest = max(1, round(config.batch_size / devices)) * devices
    raise InputError(
      f"config.batch_size is {config.batch_size}, which {devices} devices cannot share equally; "
      f"use a multiple of {devices}, such as {nearest}"
    )
  for name in ("steps", "log_every", "sample_every", "eval_every", "checkpoint_every"):
    if config[name] % config.steps_per_dispatch:
      raise InputError(
        f"config.{name} is {config[name]}; it must be a multiple of config.steps_per_dispatch, "
        f"{config.steps_per_dispatch}"
      )
