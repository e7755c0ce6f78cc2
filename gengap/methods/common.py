"""Shared by the methods: noise per example, optimisers, checks of method arguments.

Every function of `keys` draws one independent value per example, from that example's own key.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gengap.errors import InputError, suggest
from gengap.method import Array, Keys
from gengap.networks import NETWORKS, Family

T = TypeVar("T")


def normal(keys: Keys, dim: int) -> Array:
  """Returns [B, dim] standard normal noise."""
  return jax.vmap(lambda key: jax.random.normal(key, (dim,)))(keys)


def uniform(keys: Keys) -> Array:
  """Returns [B] noise, uniform on [0, 1)."""
  return jax.vmap(jax.random.uniform)(keys)


def noise(draw: Callable[..., Array], keys: Keys, shape: tuple[int, ...]) -> Array:
  """Returns [B, *shape] noise by a function of `jax.random` that takes a key and a shape."""
  return jax.vmap(lambda key: draw(key, shape))(keys)


def split(keys: Keys, number: int = 2) -> Array:
  """Returns [number, B] keys, all independent."""
  return jax.vmap(lambda key: jax.random.split(key, number), out_axes=1)(keys)


def fold(keys: Keys, number: int) -> Keys:
  """Returns [B] keys, independent of those of `split` into at most `number`, and of any other number's."""
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def choose(field: str, name: str, choices: Mapping[str, T]) -> T:
  """Returns the choice that a method argument names.

  Raises:
    InputError: `name` is not among the choices.
  """
  if name not in choices:
    raise InputError(
      f"config.method_args.{field} is {name!r}, which is none of {', '.join(choices)}"
      + suggest(str(name), choices)
    )
  return choices[name]


def positive(**values: float) -> None:
  """Raises InputError for the first method argument that is not a finite number above 0."""
  for name, value in values.items():
    if not 0 < value < math.inf:
      raise InputError(f"config.method_args.{name} is {value}; it must be above 0")


def rate(**values: float) -> None:
  """Raises InputError for the first method argument that is not in [0, 1)."""
  for name, value in values.items():
    if not 0 <= value < 1:
      raise InputError(f"config.method_args.{name} is {value}; it must be in [0, 1)")


def whole(least: int = 1, **values: int) -> None:
  """Raises InputError for the first method argument that is not a whole number of at least `least`."""
  for name, value in values.items():
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
      raise InputError(
        f"config.method_args.{name} is {value!r}; it must be a whole number of at least {least}"
      )


def counts(field: str, values: Sequence[int], least: int) -> None:
  """Raises InputError unless a method argument lists whole numbers of at least `least`."""
  for value in values:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
      raise InputError(
        f"config.method_args.{field} has {value!r}; it must list whole numbers of at least {least}"
      )


def family(name: str) -> Family:
  """Returns the decoder and encoder that config.method_args.network names."""
  return choose("network", name, NETWORKS)


def network(name: str, side: str, **options: Any) -> Callable[..., nn.Module]:
  """Returns the decoder or encoder that config.method_args.network names, with the options that are on.

  Raises:
    InputError: unknown network, or one without an option that is on.
  """
  module = getattr(family(name), side)
  chosen = {option: value for option, value in options.items() if value}
  for option, value in chosen.items():
    if option not in module.__dataclass_fields__:
      having = [n for n, f in NETWORKS.items() if option in getattr(f, side).__dataclass_fields__]
      raise InputError(
        f"config.method_args.{option} is {value}, which network {name!r} does not have; "
        f"{', '.join(having)} do"
      )
  return functools.partial(module, **chosen)


def adam(
  learning_rate: float,
  b1: float = 0.9,
  b2: float = 0.999,
  decay_steps: int = 0,
  clip_norm: float = 0.0,
  prefix: str = "",
) -> optax.GradientTransformation:
  """Adam (Kingma and Ba, 2015).

  Args:
    learning_rate: of the first update.
    b1: decay of the first moment.
    b2: decay of the second moment.
    decay_steps: updates over which the learning rate falls linearly to 0; 0 keeps it constant.
    clip_norm: largest global norm of a gradient; 0 disables clipping.
    prefix: of the method arguments learning_rate and decay_steps in errors, such as "critic_".

  Raises:
    InputError: a value outside its range.
  """
  positive(**{f"{prefix}learning_rate": learning_rate})
  rate(b1=b1, b2=b2)
  for name, value in {f"{prefix}decay_steps": decay_steps, "clip_norm": clip_norm}.items():
    if not 0 <= value < math.inf:
      raise InputError(f"config.method_args.{name} is {value}; it must be 0 (off) or above")
  schedule = optax.linear_schedule(learning_rate, 0.0, decay_steps) if decay_steps else learning_rate
  clip = optax.clip_by_global_norm(clip_norm) if clip_norm else optax.identity()
  if b1:
    scale = optax.scale_by_adam(b1, b2)
  else:  # the same update without storing a first moment, which saves a third of Adam's memory
    scale = optax.scale_by_rms(b2, eps=1e-8, eps_in_sqrt=False, bias_correction=True)
  return optax.chain(clip, scale, optax.scale_by_learning_rate(schedule))


def clip_weights(bound: float) -> optax.GradientTransformation:
  """Returns an optimiser's last transformation: it keeps every weight in [-bound, bound]."""

  def update(updates, state, params=None):
    return jax.tree.map(lambda move, w: jnp.clip(w + move, -bound, bound) - w, updates, params), state

  return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def from_description(field: str, value: Any, kind: str, choices: Mapping[str, Callable[..., T]]) -> T:
  """Builds the choice that a method argument describes: a name, or a mapping of `kind` to it and settings.

  For instance "linear", or {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 3900}.

  Raises:
    InputError: unknown name, unknown settings or missing ones.
  """
  settings, path = {}, field
  if hasattr(value, "items"):
    settings, path = dict(value.items()), f"{field}.{kind}"
    value = settings.pop(kind, "missing")
  make = choose(path, value, choices)
  try:
    return make(**settings)
  except TypeError as error:
    raise InputError(f"config.method_args.{field}: {error}") from error


def clip_to_image(x: Array) -> Array:
  """Clips to the range of images, [-1, 1]."""
  return jnp.clip(x, -1.0, 1.0)
