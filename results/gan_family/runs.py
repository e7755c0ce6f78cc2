"""Trains the runs of this folder: some hours on two CPU cores.

python -m results.gan_family.runs --out=runs/gan_family [--seeds 0 1 2] [--dry] [NAME ...]
"""

from typing import Any

from results import trainings

DCGAN = {"network": "dcgan", "width": 32, "latent_dim": 100}
ADAM = {"b1": 0.5, "b2": 0.999}
ALIKE = DCGAN | ADAM | {"n_critic": 1, "decay_steps": 0, "critic_decay_steps": 0}
CRITIC = DCGAN | {"n_critic": 5, "decay_steps": 0, "critic_decay_steps": 0}
FAST = {"learning_rate": 5e-4, "critic_learning_rate": 5e-4}
CLIPPED = {"clip": 0.05, "learning_rate": 5e-4, "critic_learning_rate": 1e-4, "b2": 0.99}
SMALL = {"network": "dense", "width": 128, "latent_dim": 100, "n_critic": 1}
RATES = {"learning_rate": 5e-4, "critic_learning_rate": 1e-4, "b1": 0.9, "b2": 0.999}
RATES |= {"decay_steps": 0, "critic_decay_steps": 0}
STILL = {"learning_rate": 1e-12}  # the generator is frozen, and the critic trains until it wins

# name -> config and data set, generator updates, method arguments that differ from the config's
RUNS = {
  "non_saturating": ("non_saturating_gan:fashion_mnist", 4000, {}),
  "minimax": ("minimax_gan:fashion_mnist", 4000, {}),
  "lsgan": ("lsgan:fashion_mnist", 4000, ALIKE),
  "hinge": ("hinge_gan:fashion_mnist", 4000, ALIKE),
  "wgan": ("wgan:fashion_mnist", 4000, CLIPPED),
  "wgan_gp": ("wgan_gp:fashion_mnist", 2000, CRITIC),
  "wgan_gp_one_sided": ("wgan_gp:fashion_mnist", 2000, CRITIC | {"penalty": "one_sided"}),
  "wgan_gp_zero_centred": ("wgan_gp_zero_centred:fashion_mnist", 2500, CRITIC | FAST),
  "wgan_gp_zero_centred_10": ("wgan_gp_zero_centred:fashion_mnist", 1000, CRITIC | {"penalty_weight": 10.0}),
  "dense": ("dense_gan:fashion_mnist", 5000, {}),
  "cgan": ("cgan:mnist", 10_000, {}),
  "cgan_projection": ("cgan:mnist", 5000, {"condition": "projection"}),
  "classifier": ("classifier:mnist", 5000, {}),
  **{
    f"frozen_{loss}": (f"{config}:fashion_mnist", 1000, args | STILL)
    for loss, (config, args) in {
      "minimax": ("minimax_gan", {}),
      "non_saturating": ("non_saturating_gan", {}),
      "lsgan": ("lsgan", ALIKE),
      "hinge": ("hinge_gan", ALIKE | {"spectral_norm": "none"}),
      "wgan_gp": ("wgan_gp", ALIKE),
    }.items()
  },
  "collapse": ("gan_collapse:mnist", 5000, {}),
  "no_collapse": ("wgan_gp:mnist", 5000, SMALL | RATES),
}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns a run's config and the fields that differ from it."""
  config, steps, args = RUNS[name]
  fields = {"steps": steps, "batch_size": 64, "image_size": 28, "ema": 0.99}
  fields |= {"sample_every": steps // 20, "eval_every": steps // 10, "checkpoint_every": steps // 10}
  return config, fields | {f"method_args.{key}": value for key, value in args.items()}


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
