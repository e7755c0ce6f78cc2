"""What all methods share: optimisers, and arithmetic in few bits."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import test_configs
import tiny

from gengap import config as settings
from gengap.errors import InputError
from gengap.method import AXIS, Batch
from gengap.methods import METHODS, common, inverse
from gengap.networks import NETWORKS, Family
from gengap.training import step


def batch(value, n=4):
  return Batch(jnp.full((n, *tiny.SPEC.shape), value), jnp.zeros(n, jnp.int32))


def test_learning_rates_decay_linearly_to_zero():
  tx = common.adam(0.1, decay_steps=10)
  params = jnp.ones(())
  opt, moves = tx.init(params), []
  for _ in range(12):
    move, opt = tx.update(jnp.ones(()), opt, params)
    moves.append(np.asarray(move))
  np.testing.assert_allclose(moves[:10], [-0.1 * (1 - k / 10) for k in range(10)], rtol=1e-3)
  assert moves[10] == moves[11] == 0


@pytest.mark.parametrize("b1", [0.0, 0.5])
def test_adam_is_adam_with_and_without_a_first_moment(b1):
  """Kingma and Ba (2015), algorithm 1, in float64."""
  tx, rng = common.adam(0.1, b1, 0.9), np.random.default_rng(0)
  w: Any = jnp.ones(5)
  m, v = np.zeros(5), np.zeros(5)
  opt, want = tx.init(w), np.ones(5)
  for t in range(1, 6):
    g = rng.normal(size=5).astype(np.float32)
    move, opt = tx.update(jnp.asarray(g), opt, w)
    w = optax.apply_updates(w, move)
    m, v = b1 * m + (1 - b1) * g, 0.9 * v + 0.1 * g.astype(np.float64) ** 2
    want -= 0.1 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
  np.testing.assert_allclose(w, want, rtol=1e-5)


def test_gradients_are_clipped_by_their_global_norm():
  """Adam's first moment after one update is (1 - b1) times the gradient that came through."""
  tx = common.adam(1.0, b1=0.5, clip_norm=1.0)
  for gradient, expected in (([30.0, 40.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
    tree = {"a": jnp.array(gradient[:1]), "b": jnp.array(gradient[1:])}
    _, state = tx.update(tree, tx.init(tree), tree)
    found = [float(x[0]) for x in jax.tree.leaves(optax.tree.get(state, "mu"))]
    np.testing.assert_allclose(found, 0.5 * np.array(expected), rtol=1e-5)


@pytest.mark.parametrize("name", tiny.KINDS)
def test_bfloat16_computes_near_float32_and_keeps_float32_parameters(name):
  exact, fast = (
    METHODS[name](tiny.SPEC._replace(dtype=dtype), **tiny.ARGS[name]) for dtype in ("float32", "bfloat16")
  )
  key = jax.random.key(0)
  nets = tiny.init(exact, key, batch(0.5))
  assert {x.dtype for x in jax.tree.leaves(jax.eval_shape(fast.init, key, batch(0.5)))} == {
    jnp.dtype("float32")
  }
  z = jax.random.normal(key, (4, exact.latent_dim))
  assert exact.generate
  assert fast.generate
  a, b = (np.asarray(jax.jit(f)(nets, z, jnp.zeros(4, jnp.int32))) for f in (exact.generate, fast.generate))
  assert b.dtype == np.float32
  assert 0 < np.abs(a - b).max() < 0.1


class First(nn.Module):
  """An encoder to the first pixels."""

  outputs: int
  width: int = 1
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x, train, keys=None):
    return self.param("scale", nn.initializers.ones, ()) * x.reshape(len(x), -1)[:, : self.outputs]


def test_an_encoder_that_inverts_the_generator_loses_nothing(monkeypatch):
  """The generator writes the latent into the first pixels, and real images are of that kind."""
  monkeypatch.setattr(common, "NETWORKS", {**NETWORKS, "first": Family(tiny.Grey, First)})

  def generate(nets, z, label):
    return jnp.pad(z, [(0, 0), (0, 60)]).reshape(-1, *tiny.SPEC.shape)

  m = tiny.method("wgan_gp")._replace(generate=generate)
  method = inverse.build(tiny.SPEC, m, {}, network="first")
  real = Batch(generate({}, jax.random.normal(jax.random.key(0), (8, 4)), None), jnp.zeros(8, jnp.int32))
  nets, keys = method.init(jax.random.key(1), real), jax.random.split(jax.random.key(2), (1, 8))
  one_device = jax.vmap(
    lambda keys: method.turns[0].loss(nets[inverse.PLAYER]["params"], nets, real, keys, jnp.int32(0))[0],
    axis_name=AXIS,
  )
  assert float(one_device(keys)[0]) == pytest.approx(0, abs=1e-6)


OPTIMISER = ("learning_rate", "decay_steps", "b1", "b2", "clip_norm")  # ends of arguments that change no loss


def arguments_of(config):
  """Returns a shrunk config's method and arguments, with dense networks unless its options need others."""
  c = test_configs.cut(test_configs.load(config))
  args = {name: value for name, value in c.method_args.to_dict().items() if not name.endswith(OPTIMISER)}
  if "network" in args and not any(args.get(option) for option in ("attention", "skips")):
    args |= {"network": "dense", "latent_dim": 4}
  return c.method, args


ALIKE = {str(arguments_of(config)): (config, *arguments_of(config)) for config in test_configs.NAMES}
LOSSES: dict[str, tuple[str, dict]] = {config: (method, args) for config, method, args in ALIKE.values()}
LOSSES |= {
  f"{name} of METHODS": (name, tiny.ARGS[name]) for name in METHODS.keys() - {m for m, _ in LOSSES.values()}
}
LOSSES["levels"] = ("hierarchical_vae", tiny.ARGS["hierarchical_vae"] | {"free_bits": 0.1})
LOSSES["capacity"] = ("vae", tiny.ARGS["vae"] | {"beta": {"schedule": "capacity", "steps": 10, "stop": 5.0}})
LOSSES["noise"] = ("cgan", tiny.ARGS["cgan"] | {"spectral_norm": "both", "dropout": 0.3})


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_and_its_gradient_are_those_of_the_whole_batch(name):
  """Those of every config, and of every method that has none, on eight devices as on one.

  A map over AXIS stands for the devices. The alarms of a method watch numbers that it logs.
  """
  method, args = LOSSES[name]
  m, (images, labels) = METHODS[method](tiny.SPEC, **args), tiny.data(16)
  nets, keys = jax.device_get(tiny.state(m).nets), jax.random.split(jax.random.key(1), 16)
  whole = Batch(images / 127.5 - 1, labels), keys

  def losses(batch, keys):
    metrics, gradients = {}, {}
    for turn in m.turns:

      def loss(params, turn=turn):
        value, (_, more) = turn.loss(params, nets, batch, keys, jnp.int32(0))
        return value, {f"{turn.player}/{k}": v for k, v in ({"loss": value} | more).items()}

      gradients[turn.player], numbers = jax.grad(loss, has_aux=True)(nets[turn.player]["params"])
      metrics |= numbers
    return step.mean_over_devices((metrics, gradients))

  def on(devices):
    slices = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), whole)
    return jax.device_get(jax.tree.map(lambda x: x[0], jax.jit(jax.vmap(losses, axis_name=AXIS))(*slices)))

  (one, gradients), (eight, gradients_of_eight) = on(1), on(8)
  for key, value in one.items():
    np.testing.assert_allclose(eight[key], value, rtol=1e-5, atol=1e-6, err_msg=key)
  for player, tree in gradients.items():
    scale = max(np.max(np.abs(x)) for x in jax.tree.leaves(tree))
    errors = jax.tree.map(lambda x, y: np.max(np.abs(x - y)), tree, gradients_of_eight[player])
    assert scale > 0 and max(jax.tree.leaves(errors)) < 1e-4 * scale, player
  assert {alarm.name for alarm in m.alarms} <= set(one)


@pytest.mark.parametrize(
  ("name", "args", "word"),
  [
    ("r1_gan", {"gamma": "3"}, "gamma is '3'; it must be a number"),
    ("r1_gan", {"gamma": None}, "gamma is None; it must be a number"),
    ("r1_gan", {"penalty": ["r1"]}, r"penalty is \['r1'\]; it must be a text"),
    ("gan", {"width": 4.5}, "width is 4.5; it must be a whole number"),
    ("gan", {"n_critic": True}, "n_critic is True; it must be a whole number"),
    ("gan", {"diff_augment": None}, "diff_augment is None; it must be a list"),
    ("gan", {"diff_augment": {"color": 1}}, "diff_augment is .*; it must be a list"),
    ("diffusion", {"multipliers": 3}, r"multipliers is 3; it must be a list, such as \(1, 2, 2\)"),
    ("diffusion", {"network_evaluations": 7.0}, "network_evaluations is 7.0; it must be a whole number"),
    ("diffusion", {"p_mean": "a"}, "p_mean is 'a'; it must be a number"),
    ("diffusion", {"attention": "yes"}, "attention is 'yes'; it must be True or False"),
    ("vq_vae", {"restart": "no"}, "restart is 'no'; it must be True or False"),
    ("vae_gan", {"layer": 1.5}, "layer is 1.5; it must be a whole number"),
  ],
)
def test_a_value_of_the_wrong_type_is_one_line(name, args, word):
  with pytest.raises(InputError, match=rf"^config\.method_args\.{word}[^\n]*$"):
    settings.check(settings.base(name, **args))


def test_values_that_stand_for_a_default_are_of_its_type():
  for name in METHODS:
    settings.check(settings.base(name))
  settings.check(settings.base("vae", beta=2, likelihood={"likelihood": "gaussian", "scale": 1}, clip_norm=1))
  settings.check(settings.base("deep_hierarchical_vae", latents=[4, [2, 1]]))
