"""Which claims of the source reports each config was written for."""

from collections.abc import Mapping

CONFIGS: Mapping[str, tuple[str, ...]] = {
  "ae": ("C6",),
  "annealed_vae": ("A4", "D6"),
  "cgan": ("E7", "E10"),
  "conv_vae": ("B3", "B4", "B5", "B6", "B7", "B8"),
  "cyclical_vae": ("D8",),
  "dcgan": ("A7", "A11", "B1"),
  "dense_gan": ("D4",),
  "dense_vae": ("E1",),
  "free_bits_vae": ("D7",),
  "gan": ("C1",),
  "gan_collapse": ("A11",),
  "hierarchical_vae": ("D10",),
  "hinge_gan": ("C4",),
  "lsgan": ("C2",),
  "minimax_gan": ("E2", "E3", "E5"),
  "noisy_ae": ("C10",),
  "non_saturating_gan": ("E2", "E4"),
  "planar_vae": ("D3", "D10"),
  "sagan": ("D10",),
  "skip_vae": ("A3",),
  "small_ae": ("D1",),
  "small_vae": ("D2", "D5"),
  "vae": ("A1", "A2", "C7", "C8"),
  "vae_beta_linear": ("C9",),
  "vae_gan": ("D10",),
  "wgan": ("E6",),
  "wgan_gp": ("B2", "C3"),
  "wgan_gp_zero_centred": ("B2",),
}


def table() -> str:
  """Returns the claims of each config, as a table in Markdown."""
  rows = [f"| [`{name}.py`](../configs/{name}.py) | {', '.join(ids)} |" for name, ids in CONFIGS.items()]
  return "\n".join(["| config | claims |", "| --- | --- |", *rows]) + "\n"
