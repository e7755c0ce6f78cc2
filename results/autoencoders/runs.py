"""The trainings of this folder; all together they take a day of two CPU cores.

python -m results.autoencoders.runs --out=runs/autoencoders [--seeds 0 1 2] [--dry] [NAME ...]
"""

from typing import Any

from results import trainings

COLLAPSE = {"steps": 3000, "batch_size": 64, "log_every": 100, "sample_every": 1500, "eval_every": 500}
COLLAPSE |= {"checkpoint_every": 1500, "method_args.width": 8, "method_args.latent_dim": 64}

# name -> config and data set, fields that differ from the config's
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
  # C6 to C9: the report's autoencoders
  **{f"ae_{dim}": ("ae:cifar10", {"method_args.latent_dim": dim}) for dim in (16, 128, 1024)},
  **{f"vae_{beta}": ("vae:cifar10", {"method_args.beta": beta}) for beta in (0.8, 1.0, 1.2)},
  "vae_linear": ("vae_beta_linear:cifar10", {}),
  # A1 to A4: where the posterior collapses, and what keeps it from that
  **{
    f"beta_{beta:g}": ("vae:cifar10", COLLAPSE | {"method_args.beta": beta})
    for beta in (0.1, 0.3, 1.0, 4.0, 20.0, 100.0, 1000.0)
  },
}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns a run's config and the fields that differ from it."""
  return RUNS[name]


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
