"""The methods by name. A builder takes a Spec and config.method_args, and returns a Method.

To add a GAN, write its `gan.Objective` in a file of its own and compose it with `adversarial.build`. To add
a VAE, write its `elbo.Regulariser` and compose it with `vae.regularised`. `relativistic` and `mmd_vae` are
examples. Any other method is a function that returns a `gengap.method.Method`.
"""

import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_origin

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

# The type of a builder's argument -> what is accepted, and its name in errors. Builders check texts given as
# lists themselves.
TYPES: Mapping[Any, tuple[Any, str]] = {
  bool: (bool, "True or False"),
  int: (numbers.Integral, "a whole number"),
  float: (numbers.Real, "a number"),
  str: (str, "a text"),
  tuple: (Sequence, "a list"),
  Sequence: (Sequence, "a list"),
}


def find(name: str) -> Callable[..., Method]:
  """Returns the builder of the method that config.method names."""
  if name not in METHODS:
    allowed = ", ".join(sorted(METHODS))
    raise InputError(f"config.method is {name!r}; it must be one of {allowed}{suggest(name, METHODS)}")
  return METHODS[name]


def parameters(name: str) -> list[inspect.Parameter]:
  """Returns the arguments of a method's builder, without the Spec."""
  return list(inspect.signature(find(name)).parameters.values())[1:]


def defaults(name: str) -> dict[str, Any]:
  """Returns the arguments of a method's builder, each with its default."""
  return {p.name: p.default for p in parameters(name)}


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


def check_types(config: Config) -> None:
  """Checks the types of a config's method arguments, as far as the builder has one type for them.

  Command lines are parsed by the types of the defaults; config files and callers in Python are not.

  Raises:
    InputError: an argument is of another type.
  """
  for p in parameters(config.method):
    kind = get_origin(p.annotation) or p.annotation
    if kind not in TYPES or p.name not in config.method_args:
      continue
    value, (allowed, what) = config.method_args[p.name], TYPES[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
      such = f", such as {p.default!r}" if isinstance(p.default, tuple) and p.default else ""
      given = " ".join(repr(value).split())
      raise InputError(f"config.method_args.{p.name} is {given}; it must be {what}{such}")


def check_arguments(config: Config) -> None:
  """Checks the names of a config's method and arguments, and that arguments without effect are not set.

  Raises:
    InputError: unknown method or method argument, a value of the wrong type, or the weight of a penalty that
      is not chosen.
  """
  check_names(config)
  check_types(config)
  if "penalty" in (allowed := defaults(config.method)):
    penalties.check_weights(allowed | config.method_args.to_dict(), allowed)


def build(config: Config, spec: Spec) -> Method:
  """Builds the method that a config names.

  Raises:
    InputError: unknown method or method argument, or a value that the builder refuses.
  """
  check_names(config)
  return find(config.method)(spec, **config.method_args)
