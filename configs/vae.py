"""VAE."""

from gengap.config import base


def get_config(dataset=""):
  config = base("vae", dataset)
  return config
