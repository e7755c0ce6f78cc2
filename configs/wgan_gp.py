"""WGAN-GP."""

from gengap.config import base


def get_config(dataset=""):
  config = base("wgan_gp", dataset, width=32)
  return config
