"""The training loop: dispatch, log, sample, evaluate, save; and how a run starts, resumes and stops.

The host waits for the device only to sample, evaluate and save: it reads the numbers of one dispatch after it
has sent the next one.
"""

import contextlib
import math
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from clu import parameter_overview

from gengap import config as settings
from gengap import data, paths, processes
from gengap.errors import NonFiniteError
from gengap.log import Log, NullLog, say
from gengap.method import Alarm, Array, Config, Method, Metrics, Nets, State
from gengap.training import cost, workdirs
from gengap.training.alarms import AlarmMonitor, oscillation
from gengap.training.checkpoint import Checkpoints, finite_or_infinity
from gengap.training.program import Program, compile_program, load_data, resume, source, start
from gengap.training.validation import GRID, Validation, check_best, whole_batches

COMPILING = "compiling the training program (takes minutes if it is large and not yet in the cache)"
DIRECTED = ("mnist", "emnist", "kmnist", "svhn_cropped")  # of characters, whose mirror images are none
SLOW = 10  # seconds of compiling above which their number is printed
MUST_BE_FINITE = ("loss", "gradient_norm")  # of every turn


class Window:
  """The numbers of the steps since the last line of the log, read one dispatch late.

  Raises NonFiniteError, from `push` or `flush`, at the first loss or gradient that is not finite.
  """

  def __init__(self, log: Log, every: int, batch_size: int, alarms: Sequence[Alarm] = ()):
    self.log, self.every, self.monitor = log, every, AlarmMonitor(alarms, say, batch_size)
    self.queue: list[tuple[int, list[Metrics]]] = []
    self.values: list[dict[str, np.ndarray]] = []
    self.clock = time.perf_counter()

  def push(self, end: int, numbers: list[Metrics]) -> None:
    """Queues the numbers of the dispatch that ends at step `end`; reads those of the one before it."""
    self.queue.append((end, numbers))
    if len(self.queue) > 1:
      self.read()

  def read(self) -> None:
    """Reads the oldest queued numbers; writes the means of the window if a line is due."""
    end, numbers = self.queue.pop(0)
    values = {k: np.concatenate([n[k] for n in numbers]) for k in numbers[0]}  # waits for the device
    check_finite(values, end)
    self.values.append(values)
    self.log.advance(end)
    if end % self.every == 0:
      window = {k: np.concatenate([v[k] for v in self.values]) for k in values}
      steps = len(next(iter(window.values())))
      rate = steps / (time.perf_counter() - self.clock)
      means = {k: float(v.mean()) for k, v in window.items()}
      oscillations = {
        k.removesuffix("loss") + "oscillation": oscillation(v) for k, v in window.items() if is_loss(k)
      }
      self.log.numbers(end, means | oscillations | {"steps_per_second": rate})
      self.monitor.check(end, means, steps)
      self.values, self.clock = [], time.perf_counter()

  def flush(self) -> None:
    """Reads all queued numbers."""
    while self.queue:
      self.read()

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Reads all queued numbers, then stops the clock of steps_per_second."""
    self.flush()
    before = time.perf_counter()
    yield
    self.clock += time.perf_counter() - before


def is_loss(name: str) -> bool:
  """Whether a number is the loss of a turn."""
  return name.endswith("/loss")


def check_finite(values: dict[str, np.ndarray], end: int) -> None:
  """Raises NonFiniteError for the first step whose loss or gradient is not finite.

  Args:
    values: of the steps up to `end`, [steps] each.
    end: the last step.
  """
  found = []
  for name, value in values.items():
    turn, _, what = name.rpartition("/")
    bad = np.flatnonzero(~np.isfinite(value))
    if what in MUST_BE_FINITE and len(bad):
      found.append((end - len(value) + int(bad[0]) + 1, MUST_BE_FINITE.index(what), turn, value[bad[0]]))
  if found:
    step, index, turn, value = min(found)
    raise NonFiniteError(
      f"the {MUST_BE_FINITE[index].replace('_', ' ')} of turn {turn!r} is {value} at step {step}; "
      "checkpoints before it, if any, are kept"
    )


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
  """Describes the networks, the data, the devices and the operations of a step."""
  tables = [
    f"{player}\n{parameter_overview.get_parameter_overview(net['params'], include_stats=False)}"
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


def train(config: Config, workdir: str | pathlib.Path) -> State:
  """Trains to config.steps, from the workdir's last checkpoint if it has one; returns the last state.

  On SIGTERM it saves the state and returns early.

  Raises:
    InputError: the config, the data or the workdir does not allow it, and nothing on disk has changed; or the
      disk is full, and the saved checkpoints are kept.
    NonFiniteError: a loss or a gradient is not finite; the last good checkpoint is kept.
  """
  workdir = paths.local(workdir)
  settings.check(config)
  workdirs.check_workdir(workdir, config)
  if config.horizontal_flip and config.dataset.partition("/")[0] in DIRECTED:
    say(f"config.horizontal_flip is True: half of the {config.dataset} images are mirrored characters")
  dataset, held_out = load_data(config, "train"), load_data(config, "validation")
  whole_batches(config, held_out)
  with on_sigterm() as should_stop:
    before = time.perf_counter()

    def ready(method: Method, shapes: State) -> None:
      check_best(config, held_out, method, shapes)
      say(COMPILING)

    program = compile_program(config, dataset, ready)
    if (seconds := time.perf_counter() - before) > SLOW:
      say(f"compiled in {seconds:.0f} s")
    validation = Validation(program, config, held_out)
    with workdirs.claimed(workdir, config):
      if processes.is_first():
        cost.write(workdir, program, config)
      checkpoints = Checkpoints(workdir, keep=config.keep_checkpoints, best=config.best)
      state = resume(program, checkpoints, say) or start(program, config)
      log = Log(workdir, int(state.step), config.steps) if processes.is_first() else NullLog()
      say(describe(program, config, dataset, state) if log.fresh else f"resuming at step {int(state.step)}")
      try:
        return loop(config, program, state, dataset, validation, checkpoints, log, should_stop)
      finally:
        checkpoints.close()
        log.close()


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


def loop(config, program, state, dataset, validation, checkpoints, log, should_stop) -> State:
  """Runs dispatches to config.steps or until it should stop, and between them what is due."""
  meta = {"config": settings.plain(config), "spec": program.spec._asdict()}
  window = Window(log, config.log_every, config.batch_size, program.method.alarms)
  step = saved = int(state.step)
  calls = source(program, config, dataset, step)
  if step == 0:
    log.picture("real", validation.images[:GRID])
  last = step == config.steps or done_early(log, config)
  while not last and not should_stop(step // config.steps_per_dispatch):
    state, numbers = program.dispatch(state, calls)
    step += config.steps_per_dispatch
    window.push(step, numbers)
    last = step == config.steps
    scores = {}
    if last or step % config.eval_every == 0:
      with window.paused():
        log.numbers(step, scores := validation.scores(state))
      last = last or done_early(log, config)
    if validation.generate and (last or step % config.sample_every == 0):
      with window.paused():
        log.picture(step, validation.grid(state))
    if last or step % config.checkpoint_every == 0:
      with window.paused():
        check_weights(state, step)
        checkpoints.save(state, meta, scores)
        saved = step
  window.flush()
  if saved != step:
    check_weights(state, step)
    checkpoints.save(state, meta, {})
  checkpoints.wait()
  if last and step < config.steps:
    say(f"done at step {step}: {stopped_early(log, config)}")
  else:
    say(f"{'done' if last else 'stopped'} at step {step} of {config.steps}")
  return state
