"""Three players: the loss of each by hand, and who moves whom."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gengap.errors import InputError
from gengap.method import AXIS, Batch
from gengap.methods import METHODS, common, kl

ARGS = tiny.ARGS["vae_gan"] | {"network": "dense", "layer": 1}
B = 4


def method(**args):
  return METHODS["vae_gan"](tiny.SPEC, **(ARGS | args))


@pytest.fixture(scope="module")
def scene():
  """Weights that are nowhere near nothing, images and keys."""
  x = jax.random.uniform(jax.random.key(2), (B, *tiny.SPEC.shape), minval=-1)
  batch = Batch(x, jnp.zeros(B, jnp.int32))
  nets = jax.tree.map(lambda v: 2 * v + 0.1, method().init(jax.random.key(0), batch))
  return nets, batch, jax.random.split(jax.random.key(1), B)


def play(m, player, nets, batch, keys):
  """Loss and numbers, on one device."""
  turn = {t.player: t for t in m.turns}[player]

  def loss(nets):
    value, (_, seen) = turn.loss(nets[player]["params"], nets, batch, keys, jnp.int32(0))
    return value, seen

  one = jax.vmap(lambda _: loss(nets), axis_name=AXIS)
  value, seen = jax.tree.map(lambda v: v[0], one(jnp.arange(1)))
  return float(value), {k: float(v) for k, v in seen.items()}


def copies(m, nets, batch, keys):
  """x~ and x_p from the weights themselves, each from its own key."""
  here, anywhere = common.split(keys)
  mean, log_std = (m.represent[name](nets, batch.image) for name in ("mean", "log_std"))
  z = mean + jnp.exp(log_std) * common.normal(here, m.latent_dim)
  paint = lambda z: m.generate(nets, z, jnp.zeros(B, jnp.int32))  # noqa: E731
  return paint(z), paint(common.normal(anywhere, m.latent_dim))


def features(nets, x):
  """Of the second of the dense critic's three layers."""
  layers = nets["critic"]["params"]["body"]
  x = x.reshape(len(x), -1)
  for i in range(2):
    x = jax.nn.leaky_relu(x @ layers[f"Dense_{i}"]["kernel"] + layers[f"Dense_{i}"]["bias"], 0.2)
  return x


def test_the_encoder_pays_for_its_code_and_for_the_features(scene):
  nets, batch, keys = scene
  m = method()
  value, seen = play(m, "encoder", *scene)
  draw_keys, _ = common.split(keys)
  copy, _ = copies(m, nets, batch, draw_keys)
  error = float(0.5 * np.sum((features(nets, batch.image) - features(nets, copy)) ** 2, -1).mean())
  q = [m.represent[name](nets, batch.image) for name in ("mean", "log_std")]
  rate = float(kl.to_prior(*q).sum(-1).mean())
  layers, h = nets["encoder"]["params"], batch.image.reshape(B, -1)
  for i in range(3):
    h = jax.nn.leaky_relu(h @ layers[f"Dense_{i}"]["kernel"] + layers[f"Dense_{i}"]["bias"], 0.2)
  told = h @ layers["Dense_3"]["kernel"] + layers["Dense_3"]["bias"]  # mean and log variance
  np.testing.assert_allclose(np.concatenate(q, 1), told * np.repeat([1, 0.5], m.latent_dim), rtol=1e-4)
  assert seen["feature_error"] == pytest.approx(error, rel=1e-4)
  assert seen["kl"] == pytest.approx(rate, rel=1e-4)
  assert value == pytest.approx(rate + error, rel=1e-4)
  assert seen["pixel_error"] == pytest.approx(float(np.sum((batch.image - copy) ** 2)) / B, rel=1e-4)


def test_the_critic_tells_real_from_copied_and_imagined(scene):
  nets, batch, keys = scene
  m = method()
  value, seen = play(m, "critic", *scene)
  copy, fake = copies(m, nets, batch, common.split(keys, 4)[0])
  real, copied, faked = (np.asarray(m.represent["critic"](nets, x))[:, 0] for x in (batch.image, copy, fake))
  log_s = lambda x: -np.log1p(np.exp(-x))  # noqa: E731
  assert value == pytest.approx(-(log_s(real) + log_s(-copied) + log_s(-faked)).mean(), rel=1e-4)
  assert seen["margin"] == pytest.approx((real - faked).mean(), abs=1e-4)
  blind = nets | {"critic": jax.tree.map(jnp.zeros_like, nets["critic"])}
  assert play(m, "critic", blind, batch, keys)[0] == pytest.approx(3 * math.log(2), rel=1e-5)


def test_the_decoder_wants_both_kinds_of_images_to_pass(scene):
  nets, batch, keys = scene
  m = method(gamma=0.3)
  value, seen = play(m, "decoder", *scene)
  copy, fake = copies(m, nets, batch, common.split(keys, 3)[0])
  copied, faked = (np.asarray(m.represent["critic"](nets, x))[:, 0] for x in (copy, fake))
  fooled = np.log1p(np.exp(-copied)).mean() + np.log1p(np.exp(-faked)).mean()
  error = float(0.5 * np.sum((features(nets, batch.image) - features(nets, copy)) ** 2, -1).mean())
  assert value == pytest.approx(0.3 * error + fooled, rel=1e-4)
  assert seen["feature_error"] == pytest.approx(error, rel=1e-4)


def test_every_player_moves_its_own_weights_alone():
  m = method(layer=0)
  before = tiny.state(m)
  after, seen = tiny.run(m, 1)
  for player in ("encoder", "critic", "decoder"):
    assert max(tiny.differences(before.nets[player], after.nets[player]).values()) > 1e-5
    assert f"{player}/loss" in seen[0]
  assert [t.player for t in m.turns] == ["encoder", "critic", "decoder"]


def test_only_the_decoders_turn_changes_its_batch_statistics(scene):
  m = METHODS["vae_gan"](tiny.SPEC, **tiny.ARGS["vae_gan"])
  _, batch, keys = scene
  nets = m.init(jax.random.key(0), batch)
  changed = {}
  for turn in m.turns:
    one = jax.vmap(
      lambda _, turn=turn: turn.loss(nets[turn.player]["params"], nets, batch, keys, jnp.int32(0)),
      axis_name=AXIS,
    )
    changed = one(jnp.arange(1))[1][0]
    assert ("decoder" in changed) == (turn.player == "decoder")
  assert "batch_stats" in changed["decoder"]


@pytest.mark.parametrize(
  ("args", "word"),
  [
    ({"gamma": -1.0}, "gamma is -1.0"),
    ({"layer": -1}, "layer is -1"),
    ({"latent_dim": 0}, "latent_dim is 0"),
    ({"attention": True}, "attention is True, which network 'dense' does not have"),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    method(**args)


def test_a_layer_that_the_critic_has_not():
  with pytest.raises(InputError, match="layer is 3, and this critic has 3 stages"):
    tiny.run(method(layer=3), 1)
