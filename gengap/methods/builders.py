"""Composes the builder of a method from a loss and a builder that takes such a loss."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from gengap.method import Method, Spec


def compose(build: Callable[..., Method], loss: Callable[..., Any], **preset: Any) -> Callable[..., Method]:
  """Returns the builder of a method, which takes the arguments of a loss and those of `build`.

  Args:
    build: a builder whose first arguments are the Spec and the loss, such as `adversarial.build`.
    loss: a function that returns the loss, such as those in `gan`. Its arguments become fields of the config,
      so they need defaults.
    **preset: defaults that replace those of `build`.

  Raises:
    TypeError: an argument without a default, or a preset that `build` does not take.
  """
  own = inspect.signature(loss).parameters
  (spec, _, *shared) = inspect.signature(build).parameters.values()
  for p in own.values():
    if p.default is p.empty:
      raise TypeError(f"argument {p.name} of {loss.__name__} needs a default")
  for name in preset.keys() - {p.name for p in shared}:
    names = ", ".join(p.name for p in shared)
    raise TypeError(f"{name} is not an argument of {build.__module__}.{build.__name__}, which takes {names}")

  @functools.wraps(loss)
  def builder(spec: Spec, **args: Any) -> Method:
    of_loss = {name: value for name, value in args.items() if name in own}
    others = {name: value for name, value in args.items() if name not in own}
    return build(spec, loss(**of_loss), **(preset | others))

  shared = [p.replace(default=preset.get(p.name, p.default)) for p in shared]
  keyword = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own.values(), *shared)]
  builder.__signature__ = inspect.Signature([spec, *keyword])  # type: ignore[attr-defined]
  builder.parts = (loss, build)  # type: ignore[attr-defined]  # whose docstrings describe the arguments
  return builder
