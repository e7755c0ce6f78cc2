"""Penalties on the critic's gradient: against their papers, with every loss, and in every k-th step."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_gan import KEYS, batch
from test_train import config

from gengap import config as settings
from gengap.errors import InputError
from gengap.method import AXIS
from gengap.methods import METHODS, adversarial, common, defaults, gan, penalties
from gengap.training import flops, intervals, program, step

ARGS: dict[str, Any] = dict(network="dense", width=4, latent_dim=4)
# name -> cost before its weight, and numbers, of the squared norms of gradients at real, generated and mixed
PAPERS = {
  "two_sided": lambda real, fake, mixed: (
    ((np.sqrt(mixed) - 1) ** 2).mean(),
    {"penalty": ((np.sqrt(mixed) - 1) ** 2).mean(), "slope": np.sqrt(mixed).mean()},
  ),
  "one_sided": lambda real, fake, mixed: (
    (np.maximum(np.sqrt(mixed) - 1, 0) ** 2).mean(),
    {"penalty": (np.maximum(np.sqrt(mixed) - 1, 0) ** 2).mean(), "slope": np.sqrt(mixed).mean()},
  ),
  "zero_centred": lambda real, fake, mixed: (
    np.sqrt(mixed).mean(),
    {"penalty": np.sqrt(mixed).mean(), "slope": np.sqrt(mixed).mean()},
  ),
  "r1": lambda real, fake, mixed: (real.mean() / 2, {"r1": real.mean()}),
  "r2": lambda real, fake, mixed: (fake.mean() / 2, {"r2": fake.mean()}),
  "r1r2": lambda real, fake, mixed: (
    (real.mean() + fake.mean()) / 2,
    {"r1": real.mean(), "r2": fake.mean()},
  ),
}


@pytest.mark.parametrize("name", PAPERS)
def test_penalties_are_the_papers(name):
  """A critic sum_k tanh(x . w_k), whose gradient is sum_k (1 - tanh^2) w_k; both sides in float64."""
  rng = np.random.default_rng(0)
  w, (real, fake) = 0.16 * rng.normal(size=(16, 3)), rng.normal(size=(2, 4, 4, 4, 1))
  with jax.enable_x64(True):
    e = np.asarray(common.uniform(KEYS))[:, None, None, None]
  squares = [
    np.sum(((1 - np.tanh(x.reshape(4, -1) @ w) ** 2) @ w.T) ** 2, 1)
    for x in (real, fake, e * real + (1 - e) * fake)
  ]
  assert squares[2].min() < 1 < squares[2].max()  # both sides of the one-sided penalty
  cost, numbers = PAPERS[name](*squares)
  weights = {"penalty_weight": 3.0, "gamma": 7.0}
  penalty, kind = penalties.build(name, **weights), penalties.PENALTIES[name]
  assert penalty
  assert kind
  with jax.enable_x64(True):
    critic = lambda x: jnp.sum(jnp.tanh(x.reshape(len(x), -1) @ jnp.asarray(w)), -1)  # noqa: E731
    found, seen = penalty(critic, jnp.asarray(real), jnp.asarray(fake), KEYS)
  assert float(found) == pytest.approx(weights[kind.weight] * cost, rel=1e-6)
  assert {k: float(v) for k, v in seen.items()} == pytest.approx(numbers, rel=1e-6)


def critic_losses(m, x, keys=KEYS, at=0):
  """Returns a critic's loss and numbers when its penalties are due, between, and in the mean."""
  nets, turn = m.init(jax.random.key(0), x), m.turns[0]

  def one_device(_):
    losses = [turn.loss, turn.between or turn.loss, intervals.mean_loss(turn)]
    found = [loss(nets["critic"]["params"], nets, x, keys, jnp.int32(at)) for loss in losses]
    return [{"loss": value} | numbers for value, (_, numbers) in found]

  return jax.tree.map(lambda v: float(v[0]), jax.jit(jax.vmap(one_device, axis_name=AXIS))(jnp.arange(1)))


LOSSES = [name for name in METHODS if "penalty" in defaults(name)]
PAIRS = list(zip(LOSSES, itertools.cycle(PAPERS), strict=False))


@pytest.mark.parametrize(("name", "penalty"), PAIRS)
def test_every_gan_takes_penalties_and_computes_them_in_every_kth_step(name, penalty):
  """Steps with a penalty have it three times, others not at all: on average it has its weight."""
  m = METHODS[name](tiny.SPEC, **ARGS, penalty=penalty, penalty_weight=3.0, gamma=7.0, penalty_interval=3)
  due, between, mean = critic_losses(m, batch())
  assert between.keys() == due.keys() == mean.keys()
  own = set(PAPERS[penalty](*np.ones((3, 4)))[1])
  cost = 3.0 * due["penalty"] if "penalty" in own else 3.5 * sum(due[term] for term in own)
  assert due["loss"] - between["loss"] == pytest.approx(cost, rel=1e-4)
  assert not any(between[term] for term in own)
  assert any(due[term] for term in own)
  for term in due:
    assert mean[term] == pytest.approx((due[term] + 2 * between[term]) / 3, rel=1e-5, abs=1e-6), term
  assert {k: v for k, v in due.items() if k not in own | {"loss"}} == pytest.approx(
    {k: v for k, v in between.items() if k not in own | {"loss"}}, rel=1e-5
  )


def test_presets_are_those_of_the_papers():
  chosen = {name: {k: defaults(name)[k] for k in ("penalty", "penalty_weight", "gamma")} for name in LOSSES}
  usual = {"penalty": "none", "penalty_weight": 10.0, "gamma": 10.0}
  others = {
    "wgan_gp": {"penalty": "two_sided"},
    "r1_gan": {"penalty": "r1"},
    "relativistic_gan": {"penalty": "r1r2", "gamma": 1.0},
  }
  assert chosen == {name: usual | others.get(name, {}) for name in LOSSES}
  assert len(LOSSES) == 8


def test_a_penalty_of_ones_own_is_added_and_has_the_interval_and_noise_of_its_own():
  def own(critic, real, fake, keys):
    del critic, real, fake
    return 5.0 + 0 * jnp.mean(common.uniform(keys)), {"own": jnp.mean(common.uniform(keys))}

  objective = gan.gan()._replace(penalty=own)
  args = dict(ARGS, penalty="r1", gamma=2.0, penalty_interval=2)
  due, between, _ = critic_losses(adversarial.build(tiny.SPEC, objective, **args), batch())
  assert due["loss"] - between["loss"] == pytest.approx(2 * 5.0 + due["r1"], rel=1e-5)
  alone, _, _ = critic_losses(adversarial.build(tiny.SPEC, objective, **dict(args, penalty="none")), batch())
  assert alone["own"] != due["own"]  # its keys are not those of the penalty before it
  assert between["own"] == between["r1"] == 0


def lazy_config(interval, **args):
  c = config("wgan_gp")
  c.method_args.update(dict(network="dense", n_critic=1, penalty_interval=interval) | args)
  return c


def test_steps_with_and_without_a_penalty_train_as_one_program_that_chooses_itself():
  """On the CPU the host chooses between two programs; it goes on within an interval as if without a break."""
  c = lazy_config(3)
  c.data_device_bytes = 0  # the host reads each call's images too
  data = program.load_data(c, "train")
  compiled = program.compile_program(c, data)
  first, number = program.starter(compiled)(c.seed), 5

  def run(state, steps, at):
    calls, seen = program.source(compiled, c, data, at), []
    for _ in range(steps):
      state, numbers = compiled.dispatch(state, calls)
      seen += numbers
    return jax.device_get(state), [float(numbers["critic/slope"][0]) for numbers in seen]

  end, slopes = run(jax.tree.map(jnp.copy, first), number, 0)
  assert [slope > 0 for slope in slopes] == [True, False, False, True, False]
  half, _ = run(jax.tree.map(jnp.copy, first), 2, 0)
  resumed, rest = run(jax.device_put(half, compiled.place), number - 2, 2)
  tiny.assert_identical(resumed, end)
  assert rest == slopes[2:]
  one = step.dispatch(compiled.method, batch_size=c.batch_size)
  state, images = first, tuple(map(jnp.asarray, (data.image, data.label)))
  for _ in range(number):
    state, numbers = one(jnp.arange(1), compiled.seed, state, images)
    assert all(np.isfinite(v).all() for v in numbers.values())
  assert max(tiny.differences(state.nets, end.nets).values()) < 1e-5


def test_the_operations_of_a_step_are_the_mean_over_the_interval(monkeypatch):
  """On the CPU from its two programs, and elsewhere from each turn alone: the same for both."""
  monkeypatch.setattr(jax.stages.Lowered, "compile", lambda lowered, options: lowered)
  data = program.load_data(lazy_config(1), "train")
  lazy, every, never = (lazy_config(4), lazy_config(1), lazy_config(1, penalty="none"))
  programs = [program.compile_program(c, data) for c in (lazy, every, never)]
  found, with_penalty, without = (compiled.flops for compiled in programs)
  assert found and with_penalty and without
  assert with_penalty > 1.1 * without
  assert found == pytest.approx(with_penalty / 4 + 3 * without / 4, rel=1e-3)
  assert [len(compiled.compiled) for compiled in programs] == [2, 1, 1]
  arrays = program.abstract((data.image, data.label))
  elsewhere = flops.count_on_cpu(programs[0].method, lazy, programs[0].shapes, arrays, 1)
  assert elsewhere == pytest.approx(found, rel=1e-2)


@pytest.mark.parametrize(
  ("name", "args", "word"),
  [
    ("gan", {"penalty": "r3"}, "penalty is 'r3', which is none of none, two_sided"),
    ("wgan_gp", {"penalty_weight": -1.0}, "penalty_weight is -1.0"),
    ("lsgan", {"penalty": "r1", "gamma": 0.0}, "gamma is 0.0"),
    ("r1_gan", {"penalty_interval": 0}, "penalty_interval is 0"),
    ("r1_gan", {"penalty_interval": 2.5}, "penalty_interval is 2.5"),
    ("gan", {"penalty_interval": 4}, "penalty_interval is 4, but there is no penalty"),
    ("r1_gan", {"penalty_interval": 10**9}, "penalty_interval is 1000000000; it must be at most 1000"),
  ],
)
def test_bad_arguments(name, args, word):
  with pytest.raises(InputError, match=word):
    METHODS[name](tiny.SPEC, **ARGS, **args)


@pytest.mark.parametrize(
  ("name", "args", "word"),
  [
    ("gan", {"gamma": 1.0}, "gamma is 1.0, but penalty 'none' does not use it.*r1, r2, r1r2"),
    ("wgan_gp", {"gamma": 1.0}, "gamma is 1.0, but penalty 'two_sided'"),
    ("r1_gan", {"penalty_weight": 1.0}, "penalty_weight is 1.0, but penalty 'r1'"),
  ],
)
def test_a_weight_without_effect_is_refused(name, args, word):
  with pytest.raises(InputError, match=word):
    settings.check(settings.base(name, **args))


@pytest.mark.parametrize("name", LOSSES)
def test_presets_and_other_penalties_are_allowed(name):
  for penalty in penalties.PENALTIES:
    settings.check(settings.base(name, penalty=penalty))
