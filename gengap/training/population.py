"""Trains runs that differ in their seed alone by calls of one compiled program."""

import functools
import itertools
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap import data
from gengap.errors import InputError
from gengap.method import Array, Config, Metrics, State
from gengap.training import intervals
from gengap.training.program import Program, calls_from, data_of_calls, seeds_of_programs


class Numbers(NamedTuple):
  """What one call of a program logged of one of its runs."""

  metrics: Metrics  # of all its runs, [*program.runs.shape, steps]
  place: tuple[int, ...] = ()  # of the run in `program.runs.shape`

  def read(self) -> dict[str, np.ndarray]:
    """Waits for the device; returns the run's numbers, [steps] each."""
    return {name: np.asarray(value)[self.place] for name, value in self.metrics.items()}


class Population:
  """Runs of the seeds of a config, in order. A call of the program trains `program.runs.total` of them."""

  def __init__(self, program: Program, config: Config, dataset: data.Dataset, states: Sequence[State]):
    """Places the data set on the devices.

    Args:
      program: compiled for the config.
      config: of the runs.
      dataset: their training images.
      states: of each run; they need not be of the same step, and must not be used afterwards.

    Raises:
      InputError: runs of one call are at steps for which the program differs.
    """
    self.places = list(np.ndindex(program.runs.shape))
    steps = [int(state.step) for state in states]
    source = data_of_calls(program, config, dataset, steps[0])
    shared = None if program.by_host else next(source)
    self.programs, self.states, self.calls = [], [], []
    for i, seeds in enumerate(seeds_of_programs(config, program.runs)):
      mine = slice(i * program.runs.total, (i + 1) * program.runs.total)
      one = program._replace(seed=seeds)
      check_phase(one, steps[mine])
      self.programs.append(one)
      self.states.append(stack(one, states[mine]))
      self.calls.append(calls_from(one, steps[mine][0], itertools.repeat(shared) if shared else source))

  def dispatch(self, live: Collection[int]) -> dict[int, list[Numbers]]:
    """Sends config.steps_per_dispatch steps of runs to the devices, without waiting for them.

    Args:
      live: indices of the runs to train. Others go on too if a call of the program trains them as well.

    Returns:
      For each of them the numbers of each call of the program.
    """
    numbers = {}
    for i, program in enumerate(self.programs):
      first = i * len(self.places)
      mine = {index: place for index, place in enumerate(self.places, first) if index in live}
      if mine:
        self.states[i], metrics = program.dispatch(self.states[i], self.calls[i])
        numbers |= {index: [Numbers(call, place) for call in metrics] for index, place in mine.items()}
    return numbers

  def state(self, index: int) -> State:
    """Returns the state of a run, on every device, until the next dispatch."""
    call, place = divmod(index, len(self.places))
    return take(self.programs[call], self.states[call], self.places[place])


def check_phase(program: Program, steps: Sequence[int]) -> None:
  """Checks that one program serves runs that are at these steps.

  Raises:
    InputError: it does not.
  """
  if len({program.compiled[intervals.due(program.method, at)] for at in steps}) > 1:
    raise InputError(
      f"the runs of seeds {program.seed} stopped at steps {', '.join(map(str, steps))}, which differ in "
      "the penalties that are due; resume each alone, with --config.seed=SEED --workdir=.../SEED"
    )


def stack(program: Program, states: Sequence[State]) -> State:
  """Returns the state of a call of the program: those of its runs, with the axes `program.runs.shape`."""
  if not program.runs.shape:
    return states[0]

  def stacked(states: Sequence[State]) -> State:
    return jax.tree.map(lambda *x: jnp.stack(x).reshape(*program.runs.shape, *x[0].shape), *states)

  return jax.jit(stacked, out_shardings=program.place_of_runs)(states)


def take(program: Program, state: State, place: tuple[int, ...]) -> State:
  """Returns the state of one run of a call of the program."""
  return taker(program.place)(state, *place) if place else state


@functools.cache
def taker(place: jax.sharding.NamedSharding) -> Callable[..., State]:
  """Returns the compiled function that takes an element of every array of a state."""

  def one(state: State, *index: Array) -> State:
    return jax.tree.map(lambda x: x[index], state)

  return jax.jit(one, out_shardings=place)
