"""Trains the runs of this folder: 100 minutes on one CPU core.

python -m results.probes.runs --out=runs/probes [--seeds 0 1 2] [--dry] [NAME ...]

All runs of one data set have the same generator (decoder), dcgan, and train for about as many minutes of one
core: 10 to 15 on Fashion-MNIST, 8 on MNIST, 6 to 12 on blobs. In the time of one update of WGAN-GP, a VAE
makes about seven updates, and a GAN with one critic update about three.
"""

from typing import Any

from results import trainings

SAME = {"network": "dcgan", "width": 32}
PICTURES, BLOBS = (28, SAME), (32, SAME | {"width": 16})  # image size and network
VAE = {"likelihood": "gaussian_global"}
CRITIC = {"latent_dim": 100, "n_critic": 5, "decay_steps": 0, "critic_decay_steps": 0}
BLOBBY = {"n_critic": 3, "learning_rate": 5e-4, "critic_learning_rate": 5e-4}

# name -> config and data set, updates, (image size, network), method arguments other than the config's
RUNS: dict[str, tuple[str, int, tuple[int, dict[str, Any]], dict[str, Any]]] = {
  "vae_10": ("conv_vae:fashion_mnist", 20_000, PICTURES, VAE | {"latent_dim": 10}),
  "vae_100": ("conv_vae:fashion_mnist", 20_000, PICTURES, VAE | {"latent_dim": 100}),  # as the GANs
  "gan": ("non_saturating_gan:fashion_mnist", 10_000, PICTURES, {}),
  "wgan_gp": ("wgan_gp:fashion_mnist", 3000, PICTURES, CRITIC),
  "vae_2": ("conv_vae:mnist", 15_000, PICTURES, VAE | {"latent_dim": 2}),
  "cgan": ("cgan:mnist", 5000, PICTURES, {}),
  "vae_blob": ("conv_vae:blobs_single", 15_000, BLOBS, VAE | {"latent_dim": 4}),
  "wgan_gp_blob": ("wgan_gp:blobs_single", 4000, BLOBS, CRITIC | BLOBBY | {"latent_dim": 32}),
  "vae_blobs": ("conv_vae:blobs_multi", 15_000, BLOBS, VAE | {"latent_dim": 40}),
  "wgan_gp_blobs": ("wgan_gp:blobs_multi", 4000, BLOBS, CRITIC | BLOBBY | {"latent_dim": 64}),
}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns the config of a run, and the fields that override it."""
  config, steps, (size, network), args = RUNS[name]
  fields: dict[str, Any] = {"steps": steps, "batch_size": 64, "image_size": size, "ema": 0.99}
  every = steps // 10
  fields |= {"sample_every": every, "eval_every": every, "checkpoint_every": every, "keep_checkpoints": 100}
  return config, fields | {f"method_args.{key}": value for key, value in (network | args).items()}


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
