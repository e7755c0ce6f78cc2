"""The methods, by name: each builder takes a Spec and the config's method_args and returns a Method."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gengap.errors import InputError, suggest
from gengap.method import Config, Method, Spec
from gengap.methods import classifier, gan, hierarchical, vae, vae_gan
from gengap.methods.adversarial import game

METHODS: Mapping[str, Callable[..., Method]] = {
  "gan": game(gan.gan),
  "cgan": game(gan.gan, condition="one_hot"),
  "lsgan": game(gan.lsgan),
  "hinge": game(gan.hinge),
  "wgan": game(gan.wgan, n_critic=5),
  "wgan_gp": game(gan.wgan_gp, n_critic=5),
  "classifier": classifier.build,
  "ae": vae.autoencoder,
  "vae": vae.build,
  "hierarchical_vae": hierarchical.build,
  "vae_gan": vae_gan.build,
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


def build(config: Config, spec: Spec) -> Method:
  """Builds the method that a config names.

  Raises:
    InputError: unknown method or method argument, or a value that the builder refuses.
  """
  allowed = defaults(config.method)
  for name in config.method_args:
    if name not in allowed:
      raise InputError(
        f"config.method_args.{name} is not an argument of {config.method!r}, "
        f"which takes {', '.join(allowed)}{suggest(name, allowed)} (another method needs another --config)"
      )
  return find(config.method)(spec, **config.method_args)
