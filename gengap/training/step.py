"""The only place of gradients, averages over devices, optimiser updates and pmap.

Every random number is named by (seed, step, turn, repeat, example), so a run is a function of its config
and seed: resuming is exact, and one device gives what eight give, up to the order of summation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gengap.data import shuffle
from gengap.method import AXIS, Array, Batch, Key, Keys, Method, Nets, State, Turn

Data = tuple[Array, Array]  # images [N, H, W, C] uint8, labels [N] int32: whole, on every device; or, where
# the host feeds them, those of each device for each batch of a call, [devices, batches, B, ...]
Read = Callable[[Array, Array], Batch]  # number of a batch, positions of its images in the stream -> images
PURPOSES = ("init", "train", "valid", "sample", "sample labels")


def stream(seed: int, purpose: str) -> Key:
  """Returns the root of the keys for one purpose, independent of those for every other."""
  return jax.random.fold_in(jax.random.key(seed), PURPOSES.index(purpose))


def init(method: Method, seed: int, batch: Batch, ema: float) -> State:
  """Returns the state before the first step; `batch` shows the networks what they will see."""
  nets = method.init(stream(seed, "init"), batch)
  opt = {turn.player: turn.tx.init(nets[turn.player]["params"]) for turn in method.turns}
  return State(jnp.int32(0), nets, opt, jax.tree.map(jnp.copy, nets) if ema else {})


def merge(nets: Nets, changed: Nets) -> Nets:
  """Replaces those collections of `nets` that `changed` holds."""
  return nets | {player: nets[player] | new for player, new in changed.items()}


def mean_over_devices(tree):
  """lax.pmean; nothing on one device, where it would only keep XLA from fusing (5 % of a WGAN-GP step)."""
  return lax.pmean(tree, AXIS) if lax.axis_size(AXIS) > 1 else tree


def play(turn: Turn, nets: Nets, opt: optax.OptState, batch: Batch, keys: Keys, step: Array):
  """One update of one player: (nets, opt, metrics), the same on every device."""
  params = nets[turn.player]["params"]

  def loss(params):
    value, (changed, metrics) = turn.loss(params, nets, batch, keys, step)
    return value, (changed, {"loss": value} | metrics)

  grads, aux = jax.grad(loss, has_aux=True)(params)
  grads, (changed, metrics) = mean_over_devices((grads, aux))
  metrics |= {"gradient_norm": optax.tree.norm(grads)}
  updates, opt = turn.tx.update(grads, opt, params)
  params = optax.apply_updates(params, updates)
  return merge(merge(nets, changed), {turn.player: {"params": params}}), opt, metrics


def average(ema: Nets, nets: Nets, decay: float, step: Array) -> Nets:
  """Moving average with decay min(decay, (1 + t) / (10 + t)), so that the initial weights are forgotten."""
  now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
  return jax.tree.map(lambda a, b: now * a + (1 - now) * b, ema, nets)


def deal(read: Read, key: Key, number: Array, position: Array) -> tuple[Batch, Keys]:
  """Returns the examples of a batch, at `position` [B] of the run's stream, and a key for each."""
  return read(number, position), jax.vmap(jax.random.fold_in, (None, 0))(key, position)


def resident(data: Data, seed: int) -> Read:
  """Reads a data set that is on the device."""
  return lambda number, position: shuffle.batch(*data, seed, position)


def fed(data: Data, first: Array) -> Read:
  """Reads what the host gave this device for a call, whose first batch has the number `first`."""
  return lambda number, position: shuffle.as_batch(*(x[number - first] for x in data))


def step(method: Method, seed: int, batch_size: int, ema: float, slot: Array, state: State, read: Read):
  """All players' turns, the generator's last, on this device's slice of every batch."""
  nets, opt, metrics = state.nets, dict(state.opt), {}
  key = stream(seed, "train")
  drawn = batches_before(method, state.step)

  for turn in method.turns:

    def once(carry, batch_number, turn=turn):
      # A position of the stream names its (step, turn, repeat, example), so it also names the noise.
      batch, keys = deal(read, key, batch_number, positions(batch_number, batch_size, slot))
      nets, opt, metrics = play(turn, carry[0], carry[1], batch, keys, state.step)
      return (nets, opt), metrics

    numbers = drawn + jnp.arange(turn.repeats, dtype=jnp.uint32)
    (nets, opt[turn.player]), seen = loop(once, (nets, opt[turn.player]), numbers)
    metrics |= {f"{turn.player}/{name}": jnp.mean(value) for name, value in seen.items()}
    drawn += turn.repeats

  averaged = average(state.ema, nets, ema, state.step) if ema else {}
  return State(state.step + 1, nets, opt, averaged), metrics


def batches_per_step(method: Method) -> int:
  """Returns how many batches one step draws: one for each repeat of each turn."""
  return sum(turn.repeats for turn in method.turns)


def batches_before(method: Method, step: Array) -> Array:
  """Returns how many batches were drawn before a step: uint32."""
  return step.astype(jnp.uint32) * batches_per_step(method)


def positions(number: Array, batch_size: int, slot: Array) -> Array:
  """Returns where this device's slice of the number-th batch lies in the stream: [local] uint32."""
  local = batch_size // lax.axis_size(AXIS)
  first = number * jnp.uint32(batch_size) + jnp.uint32(slot * local)
  return first + jnp.arange(local, dtype=jnp.uint32)


def unrolled() -> bool:
  """Whether programs hold no loops on these devices."""
  return jax.default_backend() == "cpu"


def loop(body, carry, xs: Array):
  """lax.scan that leaves no loop where XLA cannot afford one.

  On the CPU, XLA runs convolutions inside loops some 60 times slower than outside, so there the loop is
  unrolled; and lax.scan turns even a single turn into a loop, so one turn is simply taken.
  """
  if len(xs) == 1:
    carry, y = body(carry, xs[0])
    return carry, jax.tree.map(lambda v: jnp.asarray(v)[None], y)
  return lax.scan(body, carry, xs, unroll=unrolled())


def dispatch(
  method: Method,
  *,
  seed: int,
  batch_size: int,
  ema: float = 0.0,
  steps: int = 1,
  by_host: bool = False,
  devices: Sequence[Any] | None = None,
) -> Any:
  """Returns the training program, `steps` steps long: (slots, state, data) -> (state, metrics [steps]).

  slots is arange(devices), one for each device. The state is donated: use the returned one. With by_host the
  data are what each device needs for these steps, [devices, batches, B, ...]. Without devices, they are all
  those of JAX's default backend.
  """
  one = functools.partial(step, method, seed, batch_size, ema)

  def many(slot, state, data):
    read = fed(data, batches_before(method, state.step)) if by_host else resident(data, seed)
    return loop(lambda s, _: one(slot, s, read), state, jnp.arange(steps))

  axes = (0, None, 0 if by_host else None)
  return jax.pmap(many, AXIS, in_axes=axes, out_axes=None, donate_argnums=1, devices=devices)


def examine(method: Method, *, seed: int, batch_size: int) -> Any:
  """Returns the program that scores held-out data: (slots, state, data, batch number) -> metrics.

  Every turn's loss and numbers, as in training but without an update, of the weights that are shown.
  """

  def one(slot, state, data, number):
    position = positions(jnp.uint32(number), batch_size, slot)
    batch, keys = deal(resident(data, 0), stream(seed, "valid"), number, position)
    nets, metrics = state.eval_nets, {}
    for turn in method.turns:
      value, (_, seen) = turn.loss(nets[turn.player]["params"], nets, batch, keys, state.step)
      metrics |= {f"{turn.player}/{name}": x for name, x in ({"loss": value} | seen).items()}
    return mean_over_devices(metrics)

  return jax.pmap(one, AXIS, in_axes=(0, None, None, None), out_axes=None)
