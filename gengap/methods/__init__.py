"""The methods by name. A builder takes a Spec and config.method_args, and returns a Method.

To add a GAN, write its `gan.Objective` in a file of its own and compose it with `adversarial.build`. To add
a VAE, write its `elbo.Regulariser` and compose it with `vae.regularised`. `relativistic` and `mmd_vae` are
examples. Any other method is a function that returns a `gengap.method.Method`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gengap.errors import InputError, suggest
from gengap.method import Config, Method, Spec
from gengap.methods import (
  adversarial,
  classifier,
  diffusion,
  gan,
  hierarchical,
  mmd_vae,
  penalties,
  relativistic,
  vae,
  vae_gan,
  vq_vae,
)
from gengap.methods.builders import compose

METHODS: Mapping[str, Callable[..., Method]] = {
  "gan": compose(adversarial.build, gan.gan),
  "cgan": compose(adversarial.build, gan.gan, condition="one_hot"),
  "lsgan": compose(adversarial.build, gan.lsgan),
  "hinge": compose(adversarial.build, gan.hinge),
  "wgan": compose(adversarial.build, gan.wgan, n_critic=5),
  "wgan_gp": compose(adversarial.build, gan.wgan_gp, n_critic=5, penalty="two_sided"),
  "r1_gan": compose(adversarial.build, gan.gan, penalty="r1"),
  "relativistic_gan": compose(adversarial.build, relativistic.relativistic_gan, penalty="r1r2", gamma=1.0),
  "classifier": classifier.build,
  "ae": vae.autoencoder,
  "vae": vae.build,
  "mmd_vae": compose(vae.regularised, mmd_vae.mmd_vae),
  "hierarchical_vae": hierarchical.build,
  "deep_hierarchical_vae": hierarchical.deep,
  "vae_gan": vae_gan.build,
  "diffusion": diffusion.build,
  "vq_vae": vq_vae.build,
}


def find(name: str) -> Callable[..., Method]:
  """Returns the builder of the method that config.method names."""
  if name not in METHODS:
    allowed = ", ".join(sorted(METHODS))
    raise InputError(f"config.method is {name!r}; it must be one of {allowed}{suggest(name, METHODS)}")
  return METHODS[name]


def defaults(name: str) -> dict[str, Any]:
  """Returns the arguments of a method's builder, each with its default."""
  return {k: p.default for k, p in list(inspect.signature(find(name)).parameters.items())[1:]}


def check_names(config: Config) -> None:
  """Checks the names of a config's method and of its arguments.

  Raises:
    InputError: unknown method or method argument.
  """
  allowed = defaults(config.method)
  for name in config.method_args:
    if name not in allowed:
      raise InputError(
        f"config.method_args.{name} is not an argument of {config.method!r}, "
        f"which takes {', '.join(allowed)}{suggest(name, allowed)} (another method needs another --config)"
      )


def check_arguments(config: Config) -> None:
  """Checks the names of a config's method and arguments, and that arguments without effect are not set.

  Raises:
    InputError: unknown method or method argument, or the weight of a penalty that is not chosen.
  """
  check_names(config)
  if "penalty" in (allowed := defaults(config.method)):
    penalties.check_weights(allowed | config.method_args.to_dict(), allowed)


def build(config: Config, spec: Spec) -> Method:
  """Builds the method that a config names.

  Raises:
    InputError: unknown method or method argument, or a value that the builder refuses.
  """
  check_names(config)
  return find(config.method)(spec, **config.method_args)
