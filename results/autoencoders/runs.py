"""Trains the runs of this folder: a day on two CPU cores.

python -m results.autoencoders.runs --out=runs/autoencoders [--seeds 0 1 2] [--dry] [NAME ...]
"""

from typing import Any

from results import trainings

SHORT = {"steps": 3000, "batch_size": 64, "log_every": 100, "sample_every": 1500, "eval_every": 500}
SHORT |= {"checkpoint_every": 1500}
NARROW = SHORT | {"method_args.width": 8, "method_args.latent_dim": 64}
ANNEALED = 1500  # steps over which beta rises
STRONG = 100.0  # the beta of the remedies
RISING = NARROW | {"method_args.network": "conv", "method_args.clip_norm": 1.0, "validation_share": 0.0}
RISING |= {"method_args.beta.stop": STRONG}
SWEEP = (0.8, 1.0, 1.2)  # the source report's
BETAS = (0.1, 0.3, 1.0, 4.0, 20.0, 100.0, 1000.0)
CONV = {"method_args.network": "conv", "method_args.width": 8, "batch_size": 50, "steps": 40_000}
CONV |= {"ema": 0.999, "log_every": 1000, "sample_every": 20_000, "eval_every": 5000}
CONV |= {"checkpoint_every": 5000}
CLOTHES = {"method_args.network": "dcgan", "method_args.width": 32, "method_args.latent_dim": 32}
CLOTHES |= {"batch_size": 64, "steps": 5000, "ema": 0.99}

SMALL = {"steps": 2000, "eval_every": 1000, "sample_every": 2000, "checkpoint_every": 1000, "patience": 0}
LATENTS = (64, 128, 256)
BITS = SMALL | {"steps": 3000}

# part -> name -> config and data set, fields that differ from the config's
PARTS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
  "report": {  # settings of the source report
    **{f"ae_{dim}": ("ae:cifar10", {"method_args.latent_dim": dim}) for dim in (16, 128, 1024)},
    **{f"vae_{beta}": ("vae:cifar10", {"method_args.beta": beta}) for beta in SWEEP},
    "vae_linear": ("vae_beta_linear:cifar10", {}),
  },
  "collapse": {  # when the posterior collapses, and four remedies
    **{f"beta_{beta:g}": ("vae:cifar10", NARROW | {"method_args.beta": beta}) for beta in BETAS},
    "annealed": ("annealed_vae:cifar10", RISING | {"method_args.beta.steps": ANNEALED}),
    "cyclical": ("cyclical_vae:cifar10", RISING | {"method_args.beta.steps": 1000}),
    "free_bits": ("vae:cifar10", NARROW | {"method_args.beta": STRONG, "method_args.free_bits": 0.5}),
    "skips": ("vae:cifar10", NARROW | {"method_args.beta": STRONG, "method_args.skips": (8, 8, 8)}),
  },
  "flows": {
    f"flow_{flow}": ("dense_vae:mnist", CONV | {"method_args.flow": flow})
    for flow in ("none", "planar", "realnvp", "iaf")
  },
  "levels": {"hierarchical": ("hierarchical_vae:mnist", {"ema": 0.999})},
  "sharpness": {
    "vae_gan": ("vae_gan:fashion_mnist", CLOTHES),
    "vae_for_gan": ("conv_vae:fashion_mnist", CLOTHES | {"method_args.likelihood": "squared_error"}),
  },
  "small": {  # networks of the reports for which they give no number
    "small_ae": ("small_ae:cifar10", SMALL),
    **{f"small_vae_{dim}": ("small_vae:cifar10", SMALL | {"method_args.latent_dim": dim}) for dim in LATENTS},
  },
  "bits": {  # a dense VAE of binarised digits, and one of strided convolutions
    "dense": ("dense_vae:mnist", BITS),
    "strided": ("dense_vae:mnist", BITS | {"method_args.network": "dcgan", "method_args.width": 16}),
  },
}
RUNS = {name: run for part in PARTS.values() for name, run in part.items()}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns a run's config and the fields that differ from it."""
  return RUNS[name]


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
