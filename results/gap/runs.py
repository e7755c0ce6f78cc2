"""Trains the runs of this folder.

python -m results.gap.runs --out=runs/gap [--seeds 0 1 2 3 4] [--jobs 2] [--dry] [NAME ...]

All runs of a data set make equally many generator (decoder) updates.
"""

from typing import Any

from results import trainings

UPDATES = {
  "mnist": 2000,
  "fashion_mnist": 2000,
  "blobs_single": 3000,
  "blobs_multi": 3000,
  "cifar10": 2000,
  "cifar10/bird": 800,
}

# Six methods with the same decoder of 32 latents (that of the conditional GAN also receives the class)
DCGAN = {"network": "dcgan", "width": 16, "latent_dim": 32}
ALIKE = {"n_critic": 1, "decay_steps": 0, "critic_decay_steps": 0, "b1": 0.5, "b2": 0.999}
CRITIC = {"n_critic": 5, "decay_steps": 0, "critic_decay_steps": 0}
RANKED = {
  "vae": ("conv_vae", DCGAN | {"likelihood": "gaussian_global"}),
  "vae_gan": ("vae_gan", DCGAN),
  "gan": ("non_saturating_gan", DCGAN),
  "lsgan": ("lsgan", DCGAN | ALIKE),
  "wgan_gp": ("wgan_gp", DCGAN | CRITIC),
  "cgan": ("cgan", DCGAN),
}

# Blobs, with the latents of the source report
BLOBS = {"network": "dcgan", "width": 16}
FAST = {
  "n_critic": 3,
  "learning_rate": 5e-4,
  "critic_learning_rate": 5e-4,
  "decay_steps": 0,
  "critic_decay_steps": 0,
}
LATENTS = {"blobs_single": (4, 32), "blobs_multi": (40, 64)}

# Which classes of CIFAR-10 a GAN draws, and a VAE with the same decoder
COLOURED = ("vae", "gan")

# Three losses, with the networks and schedule of the source report at an eighth of their width
LOSSES = ("gan", "lsgan", "wgan_gp")

# data set/method -> config, method arguments that differ from the config's
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
  **{f"{data}/{name}": run for data in ("mnist", "fashion_mnist") for name, run in RANKED.items()},
  **{
    f"{data}/{name}": run
    for data, (vae, gan) in LATENTS.items()
    for name, run in {
      "vae": ("conv_vae", BLOBS | {"latent_dim": vae, "likelihood": "gaussian_global"}),
      "wgan_gp": ("wgan_gp", BLOBS | FAST | {"latent_dim": gan}),
    }.items()
  },
  **{f"cifar10/{name}": RANKED[name] for name in COLOURED},
  **{f"cifar10/bird/{name}": (name, {"width": 16}) for name in LOSSES},
}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns a run's config and the fields that differ from it."""
  config, args = RUNS[name]
  data = name.rpartition("/")[0]
  fields = {"steps": UPDATES[data], "batch_size": 32, "image_size": 28 if data.endswith("mnist") else 32}
  every = UPDATES[data] // 5
  fields |= {"ema": 0.99, "sample_every": every, "eval_every": every, "checkpoint_every": every}
  fields |= {"keep_checkpoints": 100}
  return f"{config}:{data}", fields | {f"method_args.{key}": value for key, value in args.items()}


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
