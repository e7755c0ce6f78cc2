"""One run while it trains, alone or together with others: what is due after each dispatch."""

import contextlib
import math
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gengap import config as settings
from gengap.distributed import processes
from gengap.errors import NonFiniteError
from gengap.logs.log import Log, NullLog, still_alive
from gengap.method import Array, Config, Nets, State
from gengap.training.checkpoint import Checkpoints, finite_or_infinity
from gengap.training.population import Numbers
from gengap.training.program import Program
from gengap.training.validation import GRID, Validation
from gengap.training.window import Clock, Window


class Place(NamedTuple):
  """A run: the config with which it would be trained alone, and its folder."""

  config: Config
  workdir: pathlib.Path


@jax.jit
def finite(nets: Nets) -> dict[str, Array]:
  """Returns for every player whether all its weights and statistics are finite."""
  return {
    name: jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(net)]).all() for name, net in nets.items()
  }


def check_weights(state: State, step: int) -> None:
  """Raises NonFiniteError if weights are not finite, so that they never replace good ones on disk."""
  for name, good in finite(state.nets).items():
    if not good:
      raise NonFiniteError(
        f"the weights of turn {name!r} are not finite after step {step}; "
        "checkpoints before it, if any, are kept"
      )


def stale(values: list[float], patience: int) -> bool:
  """Whether none of the last `patience` values is below all values before them; never if patience is 0.

  An infinite value or NaN counts as larger than every finite value.
  """
  values = [finite_or_infinity(value) for value in values]
  before, since = values[:-patience], values[-patience:]
  return bool(patience and before) and not min(since) < min(before)


def done_early(log: Log | NullLog, config: Config) -> bool:
  """Whether `config.best` has not improved for `config.patience` evaluations."""
  return bool(config.patience) and processes.agree(stale(log.values(config.best), config.patience))


def stopped_early(log: Log | NullLog, config: Config) -> str:
  """Returns why a run has ended before config.steps, and whether it has a best checkpoint."""
  finite = any(map(math.isfinite, log.values(config.best)))
  best = "the best checkpoint is kept" if finite else "it was never finite, so no checkpoint is the best"
  return f"{config.best} has not fallen in {config.patience} evaluations; {best}"


class Member:
  """One run while it trains."""

  def __init__(
    self,
    place: Place,
    program: Program,
    validation: Validation,
    checkpoints: Checkpoints,
    log: Log | NullLog,
    step: int,
    clock: Clock,
  ):
    """Continues a run from its step, with its log and checkpoints."""
    self.config, self.validation = place.config, validation
    self.checkpoints, self.log, self.clock = checkpoints, log, clock
    self.meta = {"config": settings.plain(self.config), "spec": program.spec._asdict()}
    self.window = Window(log, self.config.log_every, self.config.batch_size, program.method.alarms, clock)
    self.step = self.saved = step
    if step == 0:
      log.picture("real", validation.images[:GRID])
    self.done = step == self.config.steps or done_early(log, self.config)

  @contextlib.contextmanager
  def paused(self, what: str = "saving") -> Iterator[None]:
    """Reads all queued numbers, then stops the clock of steps_per_second; says if `what` takes long."""
    self.window.flush()
    with self.clock.paused(), still_alive(f"{what} at step {self.step}"):
      yield

  def advance(self, numbers: list[Numbers], state: Callable[[], State]) -> None:
    """Logs, evaluates, draws and saves what is due after a dispatch.

    Args:
      numbers: of the dispatch.
      state: returns the state after it.

    Raises:
      NonFiniteError: a loss, a gradient or a weight is not finite.
    """
    config, seed = self.config, self.config.seed
    self.step += config.steps_per_dispatch
    self.window.push(self.step, numbers)
    last, scores = self.step == config.steps, {}
    if last or self.step % config.eval_every == 0:
      with self.paused("evaluating"):
        self.log.numbers(self.step, scores := self.validation.scores(state(), seed))
      last = last or done_early(self.log, config)
    if self.validation.generate and (last or self.step % config.sample_every == 0):
      with self.paused("sampling"):
        self.log.picture(self.step, self.validation.grid(state(), seed))
    if last or self.step % config.checkpoint_every == 0:
      self.save(state(), scores)
    self.done = last

  def save(self, state: State, scores: dict[str, float]) -> None:
    """Starts writing a checkpoint.

    Raises:
      NonFiniteError: a number that is still queued, or a weight, is not finite.
    """
    with self.paused():
      check_weights(state, self.step)
      self.log.flush()  # before the checkpoint: a run that resumes from it has all numbers up to its step
      self.checkpoints.save(state, self.meta, scores)
      self.saved = self.step

  def finish(self, state: State) -> None:
    """Saves the last state unless it is saved, and waits until it is written.

    Raises:
      NonFiniteError: a number that is still queued, or a weight, is not finite.
    """
    self.window.flush()
    if self.saved != self.step:
      self.save(state, {})
    self.checkpoints.wait()
    if self.done and self.step < self.config.steps:
      self.log.say(f"done at step {self.step}: {stopped_early(self.log, self.config)}")
    else:
      self.log.say(f"{'done' if self.done else 'stopped'} at step {self.step} of {self.config.steps}")
