"""The training step: the only place that differentiates by weights, averages over devices, updates and maps.

Every random number is named by (seed, step, turn, repeat, example), so a run is a function of its config
and seed: resuming is exact, and one device gives what eight give, up to the order of summation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gengap.data import shuffle
from gengap.method import AXIS, Array, Batch, Key, Keys, Loss, Method, Metrics, Nets, State, Turn
from gengap.training import intervals

Data = tuple[Array, Array]  # images [N, H, W, C] uint8, labels [N] int32: the whole data set on every device;
# or, read by the host, each device's share of each batch of a call, [devices, batches, B, ...]
Reader = Callable[[Array, Array], Batch]  # number of a batch, positions of its images in the stream -> images
PURPOSES = ("init", "train", "valid", "sample", "sample labels", "flip")


class Runs(NamedTuple):
  """How many runs one program trains: `mapped` on each of `spread` devices.

  If `spread` is 1, every run's batches are split over all devices.
  """

  spread: int = 1
  mapped: int = 1

  @property
  def shape(self) -> tuple[int, ...]:
    """The axes with which the program's states begin: [spread, mapped], without those of length 1."""
    return tuple(n for n in self if n > 1)

  @property
  def total(self) -> int:
    """The number of runs."""
    return self.spread * self.mapped


ONE_RUN = Runs()


def stream(seed: int | Array, purpose: str) -> Key:
  """Returns the root key for one purpose, independent of those for other purposes."""
  return jax.random.fold_in(jax.random.key(seed), PURPOSES.index(purpose))


def init(method: Method, seed: int | Array, batch: Batch, ema: float) -> State:
  """Returns the state before the first step; `batch` gives the networks the shapes of their inputs."""
  nets = method.init(stream(seed, "init"), batch)
  opt = {turn.player: turn.tx.init(nets[turn.player]["params"]) for turn in method.turns}
  return State(jnp.int32(0), nets, opt, jax.tree.map(jnp.copy, nets) if ema else {})


def merge(nets: Nets, changed: Nets) -> Nets:
  """Returns `nets` with the collections in `changed` replaced."""
  return nets | {player: nets[player] | new for player, new in changed.items()}


def mean_over_devices(tree):
  """lax.pmean; the identity on one device, where it would keep XLA from fusing (5 % of a WGAN-GP step)."""
  return lax.pmean(tree, AXIS) if lax.axis_size(AXIS) > 1 else tree


def update_player(turn: Turn, nets: Nets, opt: optax.OptState, batch: Batch, keys: Keys, step: Array):
  """Updates one player once; returns (nets, opt, metrics), the same on every device."""
  params = nets[turn.player]["params"]

  def gradient(of: Loss):
    def loss(params):
      value, (changed, metrics) = of(params, nets, batch, keys, step)
      return value, (changed, {"loss": value} | metrics)

    return jax.grad(loss, has_aux=True)

  if turn.between:
    due = step % turn.interval == 0
    grads, aux = lax.cond(due, gradient(turn.loss), gradient(turn.between), params)
  else:
    grads, aux = gradient(turn.loss)(params)
  grads, (changed, metrics) = mean_over_devices((grads, aux))
  metrics |= {"gradient_norm": optax.tree.norm(grads)}
  updates, opt = turn.tx.update(grads, opt, params)
  params = optax.apply_updates(params, updates)
  return merge(merge(nets, changed), {turn.player: {"params": params}}), opt, metrics


def average(ema: Nets, nets: Nets, decay: float, step: Array) -> Nets:
  """Moving average with decay min(decay, (1 + t) / (10 + t)), so that the initial weights are forgotten."""
  now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
  return jax.tree.map(lambda a, b: now * a + (1 - now) * b, ema, nets)


def take_batch(read: Reader, key: Key, number: Array, position: Array) -> tuple[Batch, Keys]:
  """Returns the examples at `position` [B] of the run's stream, which are a batch, and a key for each."""
  return read(number, position), jax.vmap(jax.random.fold_in, (None, 0))(key, position)


def device_reader(data: Data, seed: int | Array) -> Reader:
  """Returns a reader of a data set that is on the device."""
  return lambda number, position: shuffle.batch(*data, seed, position)


def host_reader(data: Data, first: Array) -> Reader:
  """Returns a reader of the batches that the host sent for a call; `first` is the number of the first one."""
  return lambda number, position: shuffle.as_batch(*(x[number - first] for x in data))


def mirrored(read: Reader, key: Key) -> Reader:
  """Returns a reader that mirrors images left to right with probability 1/2, each by a key of its own."""

  def reader(number: Array, position: Array) -> Batch:
    batch = read(number, position)
    coins = jax.vmap(lambda p: jax.random.bernoulli(jax.random.fold_in(key, p)))(position)
    return batch._replace(image=jnp.where(coins[:, None, None, None], batch.image[:, :, ::-1], batch.image))

  return reader


def step(method: Method, batch_size: int, ema: float, seed: Array, slot: Array, state: State, read: Reader):
  """Takes all players' turns, the generator's last, on this device's slice of every batch."""
  nets, opt, metrics = state.nets, dict(state.opt), {}
  key = stream(seed, "train")
  drawn = batches_before(method, state.step)

  for turn in method.turns:

    def once(carry, batch_number, turn=turn):
      # A position of the stream names its (step, turn, repeat, example), so it also names the noise.
      batch, keys = take_batch(read, key, batch_number, positions(batch_number, batch_size, slot))
      nets, opt, metrics = update_player(turn, carry[0], carry[1], batch, keys, state.step)
      return (nets, opt), metrics

    numbers = drawn + jnp.arange(turn.repeats, dtype=jnp.uint32)
    (nets, opt[turn.player]), repeats = loop(once, (nets, opt[turn.player]), numbers)
    metrics |= {f"{turn.player}/{name}": jnp.mean(value) for name, value in repeats.items()}
    drawn += turn.repeats

  averaged = average(state.ema, nets, ema, state.step) if ema else {}
  return State(state.step + 1, nets, opt, averaged), metrics


def batches_per_step(method: Method) -> int:
  """Returns the number of batches of a step: one for each repeat of each turn."""
  return sum(turn.repeats for turn in method.turns)


def batches_before(method: Method, step: Array) -> Array:
  """Returns the number of batches before a step: uint32."""
  return step.astype(jnp.uint32) * batches_per_step(method)


def positions(number: Array, batch_size: int, slot: Array) -> Array:
  """Returns the positions in the stream of this device's slice of a batch: [local] uint32."""
  local = batch_size // lax.axis_size(AXIS)
  first = number * jnp.uint32(batch_size) + jnp.uint32(slot * local)
  return first + jnp.arange(local, dtype=jnp.uint32)


def unrolled() -> bool:
  """Whether loops are unrolled on these devices."""
  return jax.default_backend() == "cpu"


def maps_runs() -> bool:
  """Whether one program trains several runs on each of these devices, instead of one after another."""
  return jax.default_backend() != "cpu"


def loop(body, carry, xs: Array):
  """lax.scan, unrolled on the CPU and for a single iteration.

  XLA's CPU backend runs convolutions inside loops some 60 times slower than outside, and lax.scan makes a
  loop even of one iteration.
  """
  if len(xs) == 1:
    carry, y = body(carry, xs[0])
    return carry, jax.tree.map(lambda v: jnp.asarray(v)[None], y)
  return lax.scan(body, carry, xs, unroll=unrolled())


def steps_on_device(
  method: Method,
  *,
  batch_size: int,
  ema: float = 0.0,
  steps: int = 1,
  by_host: bool = False,
  horizontal_flip: bool = False,
) -> Callable[[Array, Array, State, Data], tuple[State, Metrics]]:
  """Returns what each device does in `steps` steps: (its slot, seed, state, data) -> (state, metrics).

  It must run under a map over AXIS. See `dispatch` for the arguments.
  """
  one = functools.partial(step, method, batch_size, ema)

  def many(slot, seed, state, data):
    read = host_reader(data, batches_before(method, state.step)) if by_host else device_reader(data, seed)
    read = mirrored(read, stream(seed, "flip")) if horizontal_flip else read
    return loop(lambda s, _: one(seed, slot, s, read), state, jnp.arange(steps))

  return many


def dispatch(
  method: Method,
  *,
  batch_size: int,
  ema: float = 0.0,
  steps: int = 1,
  by_host: bool = False,
  horizontal_flip: bool = False,
  runs: Runs = ONE_RUN,
  devices: Sequence[Any] | None = None,
) -> Any:
  """Returns the training program of any seed: (slots, seed, state, data) -> (state, metrics [steps]).

  Args:
    method: what to train.
    batch_size: over all devices.
    ema: decay of the moving average of the weights; 0 keeps none.
    steps: in one call of the program.
    by_host: whether `data` holds each device's share of these steps' batches, [devices, batches, B, ...],
      and not the whole data set.
    horizontal_flip: whether each image is mirrored with probability 1/2.
    runs: that the program trains; if there are several, seed, state and metrics begin with the axes
      `runs.shape`. They share the data set, so `by_host` must be False.
    devices: that run it; None for all of JAX's default backend.

  The arguments `slots` and `seed` are arange(devices) and the run's seed [] uint32. Runs that differ in their
  seed alone share one compiled program. The state is donated: use the returned one.
  """
  many = steps_on_device(
    method, batch_size=batch_size, ema=ema, steps=steps, by_host=by_host, horizontal_flip=horizontal_flip
  )
  if runs.mapped > 1:
    many = jax.vmap(many, (None, 0, 0, None))
  if runs.spread > 1:
    many = on_one_device(many)
  name, whose = ("runs", 0) if runs.spread > 1 else (AXIS, None)
  axes = (0, whose, whose, 0 if by_host else None)
  return jax.pmap(many, name, in_axes=axes, out_axes=whose, donate_argnums=2, devices=devices)


def on_one_device(many: Callable[..., Any]) -> Callable[..., Any]:
  """Returns what a device does that has whole runs: as `many`, with an axis AXIS of one device."""

  def alone(_, seed, state, data):
    return jax.vmap(lambda _: many(jnp.uint32(0), seed, state, data), axis_name=AXIS, out_axes=None)(
      jnp.arange(1)
    )

  return alone


def validate(method: Method, *, batch_size: int) -> Any:
  """Returns the validation program: (slots, seed, state, data, batch number) -> metrics of a held-out batch.

  They are every turn's loss and metrics, as in training but without an update, at `State.eval_nets`. A turn
  with an interval has their means over it.
  """

  def one(slot, seed, state, data, number):
    position = positions(jnp.uint32(number), batch_size, slot)
    batch, keys = take_batch(device_reader(data, 0), stream(seed, "valid"), number, position)
    nets, metrics = state.eval_nets, {}
    for turn in method.turns:
      value, (_, turn_metrics) = intervals.mean_loss(turn)(
        nets[turn.player]["params"], nets, batch, keys, state.step
      )
      metrics |= {f"{turn.player}/{name}": x for name, x in ({"loss": value} | turn_metrics).items()}
    return mean_over_devices(metrics)

  return jax.pmap(one, AXIS, in_axes=(0, None, None, None, None), out_axes=None)
