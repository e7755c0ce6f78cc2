"""Counts the floating-point operations of generating an image, with every evaluation of every network.

A sampler may evaluate a network many times: once for each step of an ODE solver, once for each position of an
autoregressive prior. XLA's cost analysis counts the body of a loop once, however often it runs. So loops are
found in the jaxpr, their bodies are counted on their own and multiplied by the number of iterations. What is
between the loops is counted by XLA, as the operations of training are (`gengap.training.flops`), so that both
numbers of run.json have the same unit.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from gengap.method import Method, Nets
from gengap.training import flops

BATCH = 256  # images generated together; what they share, such as normalised weights, counts once for all
Known = dict[Var, Any]  # scalars whose value is known before the program runs


class UncountableError(Exception):
  """The operations cannot be counted; the message says why."""


def per_image(method: Method, nets: Nets) -> tuple[float | None, str]:
  """Returns the floating-point operations of generating one of 256 images.

  Args:
    method: that generates images.
    nets: the variables, or their shapes.

  Returns:
    The number and "", or None and the reason why it is unknown.
  """
  assert method.generate
  z = jax.ShapeDtypeStruct((BATCH, method.latent_dim), jnp.float32)
  label = jax.ShapeDtypeStruct((BATCH,), jnp.int32)
  try:
    return count(method.generate, nets, z, label) / BATCH, ""
  except UncountableError as error:
    return None, str(error)


def count(function: Any, *args: Any) -> float:
  """Returns the floating-point operations of function(*args); the arguments may be shapes.

  A loop counts as often as it runs. Of the branches of a condition the most expensive one counts.

  Raises:
    UncountableError: XLA does not count, or the number of iterations of a loop is not known.
  """
  if not (device := flops.cpu()):
    raise UncountableError(flops.reason_not_counted())
  closed = jax.make_jaxpr(function)(*args)
  with jax.default_device(device):
    return of_jaxpr(closed.jaxpr, dict(zip(closed.jaxpr.constvars, closed.consts, strict=True)))


def of_jaxpr(jaxpr: Jaxpr, known: Known) -> float:
  """Returns the operations of a jaxpr, given those of its scalar inputs that are known."""
  loops = [equation for equation in jaxpr.eqns if has_loop(equation)]
  others = [equation for equation in jaxpr.eqns if not has_loop(equation)]
  return by_xla(jaxpr, others) + sum(of_equation(equation, known) for equation in loops)


def inside(equation: JaxprEqn) -> Iterator[tuple[Jaxpr, Sequence[Any]]]:
  """Yields the jaxprs that an equation applies, each with its constants."""
  for value in equation.params.values():
    for found in value if isinstance(value, tuple | list) else (value,):
      if isinstance(found, Jaxpr):
        yield found, ()
      elif isinstance(getattr(found, "jaxpr", None), Jaxpr):  # a ClosedJaxpr
        yield found.jaxpr, found.consts


def has_loop(equation: JaxprEqn) -> bool:
  """Whether an equation is a loop, or applies a jaxpr with one."""
  if equation.primitive.name in ("scan", "while"):
    return True
  return any(has_loop(inner) for jaxpr, _ in inside(equation) for inner in jaxpr.eqns)


def of_equation(equation: JaxprEqn, known: Known) -> float:
  """Returns the operations of an equation with a loop."""
  name, params = equation.primitive.name, equation.params
  if name == "scan":
    return params["length"] * of_jaxpr(params["jaxpr"].jaxpr, {})
  if name == "while":
    body, condition = params["body_jaxpr"].jaxpr, params["cond_jaxpr"].jaxpr
    trips = iterations(equation, known)
    return trips * of_jaxpr(body, {}) + (trips + 1) * of_jaxpr(condition, {})
  applied = list(inside(equation))
  if name == "cond":
    return max(of_jaxpr(jaxpr, {}) for jaxpr, _ in applied)
  if len(applied) != 1:
    raise UncountableError(f"the operations of a loop inside of {name} are not counted")
  (jaxpr, consts), values = applied[0], [value_of(x, known) for x in equation.invars]
  given = dict(zip(jaxpr.constvars, consts, strict=False))
  if len(values) == len(jaxpr.invars):
    given |= {var: x for var, x in zip(jaxpr.invars, values, strict=True) if x is not None}
  return of_jaxpr(jaxpr, given)


def value_of(x: Var | Literal, known: Known) -> Any:
  """Returns the value of an input of an equation; None if it is not known."""
  return x.val if isinstance(x, Literal) else known.get(x)


def iterations(equation: JaxprEqn, known: Known) -> int:
  """Returns how often the body of a while loop runs.

  Known are loops that count up by a constant step from a known number while it is below a known bound.

  Raises:
    UncountableError: it is another loop.
  """
  params, inputs = equation.params, equation.invars
  condition, body = params["cond_jaxpr"].jaxpr, params["body_jaxpr"].jaxpr
  of_condition, of_body = params["cond_nconsts"], params["body_nconsts"]
  carried = of_condition + of_body  # inputs: constants of the condition, those of the body, what is carried
  try:
    (test,) = condition.eqns
    (output,) = condition.outvars
    at = condition.invars.index(test.invars[0]) - of_condition
    bound = test.invars[1]
    if not isinstance(bound, Literal):
      place = condition.invars.index(bound)
      if place >= of_condition:  # it is carried, unchanged
        kept = place - of_condition
        if body.outvars[kept] is not body.invars[of_body + kept]:
          raise ValueError("the bound changes")
        place += of_body
      bound = inputs[place]
    (advance,) = (x for x in body.eqns if body.outvars[at] in x.outvars)
    step = next(x for x in advance.invars if x is not body.invars[of_body + at])
    counts_up = (test.primitive.name, advance.primitive.name) == ("lt", "add")
    if at < 0 or not counts_up or test.outvars[0] is not output:
      raise ValueError("it does not count up")
    first, last, by = (int(value_of(x, known)) for x in (inputs[carried + at], bound, step))
    if by < 1 or body.invars[of_body + at] not in advance.invars:
      raise ValueError("it does not count up")
    return max(0, -((first - last) // by))
  except (ValueError, TypeError, StopIteration, IndexError) as error:
    raise UncountableError("how often a while loop runs is not known before it runs") from error


def by_xla(jaxpr: Jaxpr, equations: Sequence[JaxprEqn]) -> float:
  """Returns the operations of a jaxpr's equations without loops, as XLA counts them before it optimises.

  Raises:
    UncountableError: XLA does not count them.
  """
  if not equations:
    return 0.0
  made = [var for equation in equations for var in equation.outvars]
  read = dict.fromkeys(x for e in equations for x in e.invars if isinstance(x, Var))
  used = [var for var in read if var not in set(made)]
  part = jaxpr.replace(constvars=(), invars=used, outvars=made, eqns=equations)  # none is dropped
  shapes = [jax.ShapeDtypeStruct(var.aval.shape, var.aval.dtype) for var in used]  # pyright: ignore
  run = jaxpr_as_fun(ClosedJaxpr(part, ()))
  # XLA leaves the number out both where it is 0 and where it does not count: one more operation tells which.
  lowered = jax.jit(lambda one, *inputs: (one + 1, run(*inputs))).lower(jnp.float32(1), *shapes)
  if (found := flops.count_flops(lowered)) is None:
    raise UncountableError(flops.reason_not_counted())
  return found - 1
