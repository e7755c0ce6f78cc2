"""What is due in a step: turns may compute an expensive term of their loss in every few steps only."""

import math

import jax

from gengap.method import Loss, Method, Turn

Due = tuple[bool, ...]  # for each turn whether a step has its `loss`, and not the one `between`


def due(method: Method, at: int) -> Due:
  """Returns for each turn whether a step has its `loss`, and not the one `between`."""
  return tuple(at % turn.interval == 0 for turn in method.turns)


def period(method: Method) -> int:
  """Returns after how many steps what is due repeats."""
  return math.lcm(*(turn.interval for turn in method.turns))


def variants(method: Method) -> dict[Due, tuple[Method, float]]:
  """Returns the methods of steps that differ in what is due, with the share of steps of each.

  Every turn of theirs has one loss. A host that chooses among their programs, by `due`, spares the device the
  choice: XLA's CPU backend runs convolutions inside conditionals some 25 times slower than outside.
  """
  steps = [due(method, at) for at in range(period(method))]

  def only(turn: Turn, here: bool) -> Turn:
    loss = turn.loss if here else turn.between or turn.loss
    return turn._replace(loss=loss, interval=1, between=None)

  def of(now: Due) -> Method:
    return method._replace(turns=tuple(map(only, method.turns, now)))

  return {now: (of(now), steps.count(now) / len(steps)) for now in dict.fromkeys(steps)}


def mean_loss(turn: Turn) -> Loss:
  """Returns the mean of a turn's losses, and of their numbers, over its interval."""
  if not (between := turn.between):
    return turn.loss

  def loss(*args):
    (value, (changed, metrics)), (other, (_, others)) = turn.loss(*args), between(*args)
    value, metrics = jax.tree.map(
      lambda x, y: (x + (turn.interval - 1) * y) / turn.interval, (value, metrics), (other, others)
    )
    return value, (changed, metrics)

  return loss
