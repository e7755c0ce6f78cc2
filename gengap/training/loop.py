"""The training loop: dispatch, log, draw, evaluate, save; and how a run starts, resumes and stops.

The host waits for the device only to draw, evaluate and save: the numbers of one dispatch are read after the
next one has been sent.
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

COMPILING = "compiling the training program (minutes, if it is large and not yet in the cache)"
SLOW = 10  # seconds of compiling above which they are printed
SIGNS = ("loss", "gradient_norm")  # numbers of every turn that must be finite


class Window:
  """The numbers of the steps since the last line of the log, read one dispatch late.

  Raises NonFiniteError, from `push` or `flush`, at the first loss or gradient that is not finite.
  """

  def __init__(self, log: Log, every: int, batch_size: int, alarms: Sequence[Alarm] = ()):
    self.log, self.every, self.monitor = log, every, AlarmMonitor(alarms, say, batch_size)
    self.sent: list[tuple[int, list[Metrics]]] = []
    self.values: list[dict[str, np.ndarray]] = []
    self.clock = time.perf_counter()

  def push(self, end: int, numbers: list[Metrics]) -> None:
    """Takes the numbers of the dispatch that ends at step `end`; reads those of the one before it."""
    self.sent.append((end, numbers))
    if len(self.sent) > 1:
      self.read()

  def read(self) -> None:
    """Reads the oldest numbers; writes the means of the window where a line is due."""
    end, numbers = self.sent.pop(0)
    values = {k: np.concatenate([n[k] for n in numbers]) for k in numbers[0]}  # waits for the device
    check_finite(values, end)
    self.values.append(values)
    self.log.advance(end)
    if end % self.every == 0:
      window = {k: np.concatenate([v[k] for v in self.values]) for k in values}
      steps = len(next(iter(window.values())))
      rate = steps / (time.perf_counter() - self.clock)
      means = {k: float(v.mean()) for k, v in window.items()}
      swings = {k.removesuffix("loss") + "oscillation": oscillation(v) for k, v in window.items() if loss(k)}
      self.log.numbers(end, means | swings | {"steps_per_second": rate})
      self.monitor.check(end, means, steps)
      self.values, self.clock = [], time.perf_counter()

  def flush(self) -> None:
    """Reads everything that was sent."""
    while self.sent:
      self.read()

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Reads everything, then keeps the clock of the speed from running."""
    self.flush()
    before = time.perf_counter()
    yield
    self.clock += time.perf_counter() - before


def loss(name: str) -> bool:
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
    if what in SIGNS and len(bad):
      found.append((end - len(value) + int(bad[0]) + 1, SIGNS.index(what), turn, value[bad[0]]))
  if found:
    step, sign, turn, value = min(found)
    raise NonFiniteError(
      f"the {SIGNS[sign].replace('_', ' ')} of turn {turn!r} is {value} at step {step}; "
      "checkpoints before it, if any, are kept"
    )


@jax.jit
def finite(nets: Nets) -> dict[str, Array]:
  """Tells of every player whether all its weights and statistics are finite."""
  return {
    name: jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(net)]).all() for name, net in nets.items()
  }


def check_weights(state: State, step: int) -> None:
  """Raises NonFiniteError before weights that are not finite can replace good ones on disk."""
  for name, good in finite(state.nets).items():
    if not good:
      raise NonFiniteError(
        f"the weights of turn {name!r} are not finite after step {step}; "
        "checkpoints before it, if any, are kept"
      )


@contextlib.contextmanager
def on_sigterm() -> Iterator[Callable[[int], bool]]:
  """Yields a function that tells whether SIGTERM has come; the process lives on to save its state.

  It is given how many dispatches were sent: several processes stop after the same one, whichever was asked.
  """
  asked = threading.Event()
  if processes.count() > 1:  # JAX's runtime handles the signal
    yield processes.stop_requested
  elif threading.current_thread() is not threading.main_thread():
    yield lambda _: False  # only the main thread may handle signals
  else:
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
      yield lambda _: asked.is_set()
    finally:
      signal.signal(signal.SIGTERM, before)


def describe(program: Program, config: Config, dataset: data.Dataset, state: State) -> str:
  """Returns what will be trained, on what, and how much work a step is."""
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

  SIGTERM saves and returns early.

  Raises:
    InputError: something that was given is wrong; nothing on disk has been changed.
    NonFiniteError: a loss or a gradient is not finite; the last good checkpoint is kept.
  """
  workdir = paths.local(workdir)
  settings.check(config)
  workdirs.check_workdir(workdir, config)
  dataset, held_out = load_data(config, "train"), load_data(config, "validation")
  whole_batches(config, held_out)
  with on_sigterm() as asked_to_stop:
    before = time.perf_counter()

    def ready(method: Method, shapes: State) -> None:
      check_best(config, held_out, method, shapes)
      say(COMPILING)

    program = compile_program(config, dataset, ready)
    if (taken := time.perf_counter() - before) > SLOW:
      say(f"compiled in {taken:.0f} s")
    validation = Validation(program, config, held_out)
    with workdirs.claimed(workdir, config):
      if processes.is_first():
        cost.write(workdir, program, config)
      checkpoints = Checkpoints(workdir, keep=config.keep_checkpoints, best=config.best)
      state = resume(program, checkpoints, say) or start(program, config)
      log = Log(workdir, int(state.step), config.steps) if processes.is_first() else NullLog()
      say(describe(program, config, dataset, state) if log.fresh else f"resuming at step {int(state.step)}")
      try:
        return loop(config, program, state, dataset, validation, checkpoints, log, asked_to_stop)
      finally:
        checkpoints.close()
        log.close()


def stale(values: list[float], patience: int) -> bool:
  """Whether the last `patience` values are all no smaller than the smallest before them; 0 is never.

  An infinite value or a NaN is larger than every finite value.
  """
  values = [finite_or_infinity(value) for value in values]
  before, since = values[:-patience], values[-patience:]
  return bool(patience and before) and not min(since) < min(before)


def done_early(log: Log | NullLog, config: Config) -> bool:
  """Whether the run's patience is at its end."""
  return bool(config.patience) and processes.agree(stale(log.values(config.best), config.patience))


def stopped_early(log: Log | NullLog, config: Config) -> str:
  """Returns why a run has ended before config.steps, and whether it has a best checkpoint."""
  finite = any(map(math.isfinite, log.values(config.best)))
  best = "the best checkpoint is kept" if finite else "it was never finite, so no checkpoint is the best"
  return f"{config.best} has not fallen in {config.patience} evaluations; {best}"


def loop(config, program, state, dataset, validation, checkpoints, log, asked_to_stop) -> State:
  """Runs dispatches to config.steps or until asked to stop, doing between them what is due."""
  meta = {"config": settings.plain(config), "spec": program.spec._asdict()}
  window = Window(log, config.log_every, config.batch_size, program.method.alarms)
  step = saved = int(state.step)
  data_of_calls = source(program, config, dataset, step)
  if step == 0:
    log.picture("real", validation.images[:GRID])
  last = step == config.steps or done_early(log, config)
  while not last and not asked_to_stop(step // config.steps_per_dispatch):
    state, numbers = program.dispatch(state, data_of_calls)
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
