"""The training loop, and how runs start, resume and stop.

The host waits for the device only to sample, evaluate and save: it reads the numbers of one dispatch after it
has sent the next one.
"""

import contextlib
import functools
import itertools
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clu import parameter_overview

from gengap import config as settings
from gengap import data
from gengap.distributed import processes
from gengap.errors import InputError, NonFiniteError
from gengap.logs import notebook
from gengap.logs.log import Log, NullLog, say
from gengap.logs.loggers import TENSORBOARD, check_loggers, start_loggers
from gengap.method import Config, Method, State
from gengap.storage import paths
from gengap.training import cost, workdirs
from gengap.training.checkpoint import Checkpoints
from gengap.training.member import Member, Place
from gengap.training.population import Population
from gengap.training.program import Program, compile_program, load_data, resume, starter
from gengap.training.validation import Validation, check_best, describe_small
from gengap.training.window import Clock

DIRECTED = ("mnist", "emnist", "kmnist", "svhn_cropped")  # of characters, whose mirror images are none


@contextlib.contextmanager
def on_sigterm() -> Iterator[Callable[[int], bool]]:
  """Yields a function that returns whether SIGTERM has arrived; the process continues, to save its state.

  Its argument is the number of dispatches so far: all processes stop after the same one, whichever got the
  signal.
  """
  terminated = threading.Event()
  if processes.count() > 1:  # JAX's runtime handles the signal
    yield processes.stop_requested
  elif threading.current_thread() is not threading.main_thread():
    yield lambda _: False  # only the main thread may handle signals
  else:
    before = signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    try:
      yield lambda _: terminated.is_set()
    finally:
      signal.signal(signal.SIGTERM, before)


def describe(program: Program, config: Config, dataset: data.Dataset, state: State) -> str:
  """Describes the networks, the data, the devices and the operations of a step; in a notebook briefly."""
  tables = [
    f"{player}: {int(parameter_overview.count_parameters(net['params'])):,} parameters"
    if notebook.is_running()
    else f"{player}\n{parameter_overview.get_parameter_overview(net['params'], include_stats=False)}"
    for player, net in state.nets.items()
  ]
  work = f"{program.flops / 1e9:.3g}" if program.flops is not None else f"- ({program.flops_reason})"
  return "\n".join(
    [
      *tables,
      f"{config.method} on {config.dataset}: {len(dataset.image)} training images "
      f"{'x'.join(map(str, program.spec.shape))}, {program.spec.num_classes} classes",
      f"{cost.device()}, GFLOP a step: {work}",
    ]
  )


def places(config: Config, workdir: pathlib.Path) -> list[Place]:
  """Returns the runs of a config: in the workdir, or one for each seed in WORKDIR/SEED.

  Raises:
    InputError: there are several, and the workdir holds a run itself.
  """
  if config.seeds == 1:
    return [Place(config, workdir)]
  if (workdir / "config.json").exists():
    raise InputError(
      f"--workdir={workdir} holds one run, and config.seeds is {config.seeds}; use another --workdir, "
      "which will hold a folder for each seed"
    )
  seeds = range(config.seed, config.seed + config.seeds)
  return [Place(settings.alone(config, seed), workdir / str(seed)) for seed in seeds]


def train(config: Config, workdir: str | pathlib.Path, loggers: Sequence[str] = (TENSORBOARD,)) -> State:
  """Trains to config.steps, from the workdir's last checkpoint if it has one; returns the last state.

  If config.seeds is above 1, it trains a run of each seed in WORKDIR/SEED, all together, and returns the last
  state of the first. On SIGTERM it saves the states and returns early. A notebook shows progress bars,
  and the last samples of the first run.

  Args:
    config: of the run.
    workdir: its folder.
    loggers: where its numbers and samples go besides: names in `gengap.logs.loggers.NAMES`.

  Raises:
    InputError: the config, the data or a workdir does not allow it, and nothing on disk has changed; or the
      disk is full, and the saved checkpoints are kept.
    NonFiniteError: a loss, a gradient or a weight of a run is not finite. Its last good checkpoint is kept,
      and other runs have first been trained to their end.
    KeyboardInterrupt: says at which step it came, and from which one the same command resumes.
  """
  settings.check(config)
  check_loggers(loggers, config.seeds)
  runs = places(config, paths.place(workdir))
  for run in runs:
    workdirs.check_workdir(run.workdir, run.config)
  try:
    return train_runs(config, runs, loggers)
  except KeyboardInterrupt as interrupt:
    raise KeyboardInterrupt(
      f"{str(interrupt) or 'interrupted before the first step'}; {how_to_resume(runs[0])}"
    ) from interrupt


def how_to_resume(run: Place) -> str:
  """Returns what the same command does after an interrupt."""
  folder, every = run.workdir / "checkpoints", run.config.checkpoint_every
  saved = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
  if saved:
    return f"the same command resumes from the checkpoint of step {max(saved)}"
  return f"the same command starts again, since the first checkpoint is saved at step {every}"


def train_runs(config: Config, runs: Sequence[Place], loggers: Sequence[str]) -> State:
  """Trains the runs of a config, whose workdirs have been checked; see `train`."""
  if config.horizontal_flip and config.dataset.partition("/")[0] in DIRECTED:
    say(f"config.horizontal_flip is True: half of the {config.dataset} images are mirrored characters")
  dataset, held_out = load_data(config, "train"), load_data(config, "validation")
  if small := describe_small(config, held_out):
    say(small)
  with on_sigterm() as should_stop:

    def ready(method: Method, shapes: State) -> None:
      check_best(config, held_out, method, shapes)
      say(f"{config.method} on {len(dataset.image)} training images of {config.dataset}: tracing the program")

    program = compile_program(config, dataset, ready)
    validation = Validation(program, config, held_out)
    with contextlib.ExitStack() as stack:
      for run in runs:
        stack.enter_context(workdirs.claimed(run.workdir, run.config))
        if processes.is_first():
          cost.write(run.workdir, program, run.config)
      states, members = begin(runs, program, validation, loggers, stack)
      if any(member.log.fresh for member in members):
        say(describe(program, config, dataset, states[0]))
      loop(population := Population(program, config, dataset, states), members, should_stop)
      return population.state(0)


def begin(
  runs: Sequence[Place],
  program: Program,
  validation: Validation,
  loggers: Sequence[str],
  stack: contextlib.ExitStack,
) -> tuple[list[State], list[Member]]:
  """Starts or resumes runs.

  Args:
    runs: whose workdirs are claimed.
    program: that trains them.
    validation: that measures them.
    loggers: of each.
    stack: at whose end their logs and checkpoints are closed.

  Returns:
    The state of each run, and what is due in it.
  """
  states, members, clock = [], [], Clock()
  start = starter(program)
  for place in runs:
    config = place.config
    checkpoints = Checkpoints(place.workdir, keep=config.keep_checkpoints, best=config.best)
    stack.callback(checkpoints.close)
    state = resume(program, checkpoints, say) or start(config.seed)
    step, name = int(state.step), f"seed {config.seed}: " if len(runs) > 1 else ""
    log = NullLog()
    if processes.is_first():
      sinks = start_loggers(loggers, place.workdir, settings.plain(config), step, several=len(runs) > 1)
      shown = [notebook.Samples()] if notebook.is_running() and not members else []
      log = Log(place.workdir, step, config.steps, name, [*sinks, *shown])
    stack.callback(log.close)
    if step:
      log.say(f"resuming at step {step}")
    members.append(Member(place, program, validation, checkpoints, log, step, clock))
    states.append(state)
  return states, members


def loop(population: Population, members: Sequence[Member], should_stop: Callable[[int], bool]) -> None:
  """Runs dispatches until every run has ended or it should stop, and after each of them what is due.

  Raises:
    NonFiniteError: a run had a number that is not finite; all others have ended.
  """
  failed: dict[int, NonFiniteError] = {}

  def guarded(index: int, call: Callable[..., None], *args: Any) -> None:
    try:
      call(*args)
    except NonFiniteError as error:
      if len(members) == 1:
        raise
      members[index].log.say(f"stopped: {error}")
      failed[index] = error

  for calls in itertools.count(max(member.step // member.config.steps_per_dispatch for member in members)):
    live = [i for i, member in enumerate(members) if not member.done and i not in failed]
    if not live or should_stop(calls):
      break
    try:
      for index, numbers in population.dispatch(live).items():
        guarded(index, members[index].advance, numbers, functools.partial(population.state, index))
    except KeyboardInterrupt as interrupt:
      member = members[live[0]]
      raise KeyboardInterrupt(f"interrupted at step {member.step} of {member.config.steps}") from interrupt
  for index, member in enumerate(members):
    if index not in failed:
      guarded(index, member.finish, population.state(index))
  if failed:
    raise NonFiniteError(
      "; ".join(f"seed {members[index].config.seed}: {error}" for index, error in failed.items())
      + f"; {len(members) - len(failed)} other runs went on"
    )
