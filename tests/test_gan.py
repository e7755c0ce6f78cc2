"""The GAN family: losses, penalties and dynamics against their papers, in NumPy and by finite differences."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gengap.errors import InputError
from gengap.method import AXIS, Batch, Spec
from gengap.methods import METHODS, adversarial, common, defaults, gan, gan_metrics
from gengap.methods.builders import compose
from gengap.networks import NETWORKS, Family, spectral
from gengap.networks.players import Critic

GANS = ("gan", "cgan", "lsgan", "hinge", "wgan", "wgan_gp")
KEYS = jax.random.split(jax.random.key(0), 4)
N = math.prod(tiny.SPEC.shape)
REAL, FAKE = np.random.default_rng(0).normal(0, 2, (2, 50)).astype(np.float32)


def sigmoid(x):
  return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


# name, arguments -> the critic's loss and the generator's, as the paper writes them
PAPERS = [
  (
    gan.gan,
    {},
    lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
    lambda f: -np.log(sigmoid(f)).mean(),
  ),
  (
    gan.gan,
    {"loss": "minimax", "real_label": 0.9},
    lambda r, f: (
      -(0.9 * np.log(sigmoid(r)) + 0.1 * np.log(1 - sigmoid(r))).mean() - np.log(1 - sigmoid(f)).mean()
    ),
    lambda f: np.log(1 - sigmoid(f)).mean(),
  ),
  (
    gan.lsgan,
    {},
    lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
    lambda f: ((f - 1) ** 2).mean() / 2,
  ),
  (
    gan.lsgan,
    {"a": -1.0, "b": 2.0, "c": 0.5},
    lambda r, f: ((r - 2) ** 2).mean() / 2 + ((f + 1) ** 2).mean() / 2,
    lambda f: ((f - 0.5) ** 2).mean() / 2,
  ),
  (
    gan.hinge,
    {},
    lambda r, f: -np.minimum(0, r - 1).mean() - np.minimum(0, -f - 1).mean(),
    lambda f: -f.mean(),
  ),
  (gan.wgan, {}, lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
  (gan.wgan_gp, {}, lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
]


@pytest.mark.parametrize(("objective", "args", "critic", "generator"), PAPERS)
def test_losses_are_the_papers(objective, args, critic, generator):
  ours = objective(**args)
  r, f = REAL.astype(np.float64), FAKE.astype(np.float64)
  assert float(ours.critic(REAL, FAKE)) == pytest.approx(critic(r, f), rel=1e-6)
  assert float(ours.generator(REAL, FAKE)) == pytest.approx(generator(f), rel=1e-6)


def test_the_boundaries_are_where_the_best_critic_cannot_tell():
  """Where real and generated images are as likely, the critic's loss is smallest at the boundary."""
  for objective in (gan.gan(), gan.lsgan(a=-1.0, b=2.0)):
    scores = jnp.linspace(-3, 3, 601)
    losses = jax.vmap(lambda s, o=objective: o.critic(s[None], s[None]))(scores)
    assert float(scores[jnp.argmin(losses)]) == pytest.approx(objective.boundary, abs=0.011)


def test_the_saturating_loss_has_no_gradient_where_the_critic_wins():
  """C4: with D(G(z)) = -10 the minimax loss is flat, and the others are not."""
  score = jnp.array([-10.0])
  slope = {
    name: abs(float(jax.grad(lambda s, o=o: o.generator(0 * s, s))(score)[0]))
    for name, o in {"minimax": gan.gan("minimax"), "non_saturating": gan.gan(), "ls": gan.lsgan()}.items()
  }
  assert slope["minimax"] == pytest.approx(float(sigmoid(-10)), rel=1e-4)
  assert slope["non_saturating"] == pytest.approx(1, abs=1e-4)
  assert slope["ls"] == pytest.approx(11, rel=1e-4)


class Bent(nn.Module):
  """An encoder sum_k tanh(x . w_k), whose slope is known and differs from place to place."""

  outputs: int
  width: int = 3
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x, train, keys=None):
    w = self.param("w", nn.initializers.normal(0.07), (math.prod(x.shape[1:]), self.width))
    score = jnp.sum(jnp.tanh(x.reshape(len(x), -1) @ w), -1)
    return jnp.broadcast_to(score[:, None], (len(x), self.outputs))


@pytest.fixture
def by_hand(monkeypatch):
  monkeypatch.setattr(common, "NETWORKS", {**NETWORKS, "by_hand": Family(tiny.Grey, Bent)})


def batch(n=4, seed=3):
  image = jax.random.uniform(jax.random.key(seed), (n, *tiny.SPEC.shape), minval=-1)
  return Batch(image, jnp.arange(n) % 2)


def play(m, turn, x, keys=KEYS):
  """Returns a turn's loss and numbers, its gradient, and the variables it was played with."""
  nets = tiny.init(m, jax.random.key(0), x)
  t = m.turns[turn]

  def f(params):
    value, (_, seen) = t.loss(params, nets, x, keys, jnp.int32(0))
    return value, (value, seen)

  def one_device(_):
    return jax.grad(f, has_aux=True)(nets[t.player]["params"])

  on_one_device = jax.jit(jax.vmap(one_device, axis_name=AXIS))(jnp.arange(1))
  grads, (loss, seen) = jax.tree.map(lambda v: v[0], on_one_device)
  return float(loss), {k: float(v) for k, v in seen.items()}, grads, nets


def test_the_penalty_is_taken_all_along_the_way(by_hand):
  e = common.uniform(common.split(jax.random.split(jax.random.key(1), 4000), 5)[1])
  assert float(jnp.mean(e)) == pytest.approx(0.5, abs=0.02)
  assert float(jnp.std(e)) == pytest.approx(math.sqrt(1 / 12), abs=0.01)


@pytest.mark.parametrize("objective", [gan.gan, gan.lsgan, gan.hinge])
def test_the_generators_gradient_is_that_of_its_loss(objective):
  """The chain rule in two parts gives what it gives in one, and image_gradient is its middle."""
  m = adversarial.build(tiny.SPEC, objective(), network="dense", width=4, latent_dim=4)
  x, generate = batch(), m.generate
  assert generate
  loss, seen, grads, nets = play(m, 1, x)
  z = common.normal(common.split(KEYS)[0], 4)

  def judge(image):
    return objective().generator(jnp.zeros(len(image)), m.represent["critic"](nets, image)[:, 0])

  def whole(params):
    return judge(generate(nets | {"generator": {"params": params}}, z, x.label))

  want, want_grads = jax.value_and_grad(whole)(nets["generator"]["params"])
  assert loss == pytest.approx(float(want), rel=1e-6)
  for a, b in zip(jax.tree.leaves(grads), jax.tree.leaves(want_grads), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
  one_each = 4 * jax.grad(judge)(generate(nets, z, x.label))  # the loss is a mean over 4 images
  assert seen["image_gradient"] == pytest.approx(
    float(jnp.linalg.norm(one_each.reshape(4, -1), axis=1).mean()), rel=1e-4
  )


def test_a_gradient_that_vanishes_is_measured_however_small():
  def faint(scale):
    losses = gan.lsgan()
    return losses._replace(generator=lambda real, fake: scale * losses.generator(real, fake))

  args: dict[str, Any] = dict(network="dense", width=4, latent_dim=4)
  whole, least = (
    play(adversarial.build(tiny.SPEC, faint(scale), **args), 1, batch())[1]["image_gradient"]
    for scale in (1.0, 1e-9)
  )
  assert least == pytest.approx(1e-9 * whole, rel=1e-3)


def test_the_numbers_of_the_critic_by_hand():
  real, fake = jnp.array([2.0, 1.0, -1.0, 0.5]), jnp.array([1.0, -3.0, -1.0, 0.0])
  seen = {k: float(v) for k, v in gan_metrics.score_metrics(real, fake, 0.0).items()}
  assert seen == pytest.approx(
    {"real": 0.625, "fake": -0.75, "margin": 1.375, "ranking": 0.875, "accuracy": 0.75}
  )
  assert "accuracy" not in gan_metrics.score_metrics(real, fake, None)


def test_diversity_is_the_mean_distance_of_pairs():
  x = np.asarray(batch(7).image, np.float64).reshape(7, -1)
  pairs = [np.linalg.norm(x[i] - x[j]) for i in range(7) for j in range(i)]
  assert float(gan_metrics.mean_distance(jnp.asarray(x, jnp.float32))) == pytest.approx(
    np.mean(pairs), rel=1e-5
  )
  assert float(gan_metrics.mean_distance(jnp.ones((7, 8, 8, 1)))) < 1e-2


def test_a_collapsed_generator_has_no_diversity(by_hand):
  m = METHODS["gan"](tiny.SPEC, network="by_hand")
  assert play(m, 0, batch())[1]["diversity"] < 1e-3


def train(m, steps, **args):
  return tiny.run(m, steps, **args)[0]


@pytest.mark.parametrize("name", GANS)
def test_every_gan_trains_and_tells_how(name):
  """A few steps move every weight of both players and log the dynamics.

  All but the critic's last bias: most losses look at differences of its scores alone.
  """
  m = METHODS[name](tiny.SPEC, **tiny.ARGS[name])
  before = jax.device_get(tiny.state(m).nets)
  after, seen = tiny.run(m, 3)
  moved = {k: v for k, v in tiny.differences(after.nets, before).items() if "['Dense_0']['bias']" not in k}
  assert min(moved.values()) > 0
  names = {"critic/" + k for k in ("loss", "real", "fake", "margin", "ranking", "diversity", "gradient_norm")}
  names |= {"generator/" + k for k in ("loss", "image_gradient", "gradient_norm")}
  names |= {"critic/penalty", "critic/slope"} if name == "wgan_gp" else set()
  names |= set() if "wgan" in name else {"critic/accuracy"}
  assert set(seen[0]) == names
  assert all(np.isfinite(v).all() for v in seen[-1].values())


def test_the_gradient_norm_is_that_of_the_update():
  """Plain descent at rate 1 moves the weights by exactly the gradient."""
  m = tiny.method("lsgan")
  m = m._replace(turns=tuple(t._replace(tx=optax.sgd(1.0)) for t in m.turns))
  before = jax.device_get(tiny.state(m).nets)
  after, seen = tiny.run(m, 1)
  for player in ("critic", "generator"):
    moved = jax.tree.map(lambda a, b: a - b, after.nets[player]["params"], before[player]["params"])
    assert float(seen[0][f"{player}/gradient_norm"][0]) == pytest.approx(
      float(optax.tree.norm(moved)), rel=1e-3
    )


def test_clipped_weights_stay_in_the_box():
  after = train(METHODS["wgan"](tiny.SPEC, **tiny.ARGS["wgan"], clip=0.03), 5)
  weights = np.concatenate([np.ravel(w) for w in jax.tree.leaves(after.nets["critic"]["params"])])
  assert np.abs(weights).max() == pytest.approx(0.03, rel=1e-5)
  assert np.abs(weights).min() < 0.03  # and not all of them at its walls


def test_the_gradient_goes_through_the_kernel_and_not_through_the_iteration():
  """The vector that has just advanced is a constant, although it was computed from the kernel."""
  w = {"layer": {"kernel": jax.random.normal(jax.random.key(0), (4, 3))}}
  before = {"params": w, "spectral": spectral.init(jax.random.key(1), w)}
  ahead = spectral.advance(before)["spectral"]

  def norm(variables):
    return sum(jnp.sum(x[0] ** 2) for x in jax.tree.leaves(spectral.normalised(variables)["params"]))

  found = jax.grad(lambda w: norm(spectral.advance({**before, "params": w})))(w)
  want = jax.grad(lambda w: norm({"params": w, "spectral": ahead}))(w)
  np.testing.assert_allclose(found["layer"]["kernel"], want["layer"]["kernel"], rtol=1e-5)


@pytest.mark.parametrize("players", ["critic", "both"])
def test_after_training_the_largest_singular_values_are_one(players):
  m = METHODS["hinge"](tiny.SPEC, **tiny.ARGS["hinge"], spectral_norm=players)
  start = jax.device_get(tiny.state(m).nets)
  after = train(m, 60)
  for player in {"critic": ("critic",), "both": ("critic", "generator")}[players]:
    moved = {k: u for k, u in after.nets[player]["spectral"].items() if u.size > 1}
    assert min(tiny.differences(moved, {k: start[player]["spectral"][k] for k in moved}).values()) > 0
    params = spectral.kernels(spectral.normalised(after.nets[player])["params"])
    for w in params.values():
      assert np.linalg.svd(w, compute_uv=False)[0] == pytest.approx(1, abs=1e-2)
  assert ("spectral" in after.nets["generator"]) == (players == "both")


@pytest.mark.parametrize("condition", ["one_hot", "projection"])
def test_both_players_look_at_the_class(condition):
  m = METHODS["cgan"](tiny.SPEC, **tiny.ARGS["cgan"], condition=condition)
  x = batch()
  nets = tiny.init(m, jax.random.key(0), x)
  z = jax.random.normal(jax.random.key(1), (4, m.latent_dim))
  assert m.generate
  images = [np.asarray(m.generate(nets, z, jnp.full(4, c))) for c in (0, 1)]
  assert np.abs(images[0] - images[1]).max() > 1e-3
  critic = Critic(
    NETWORKS["dcgan"].encoder(outputs=3 if condition == "projection" else 1, width=4), condition, 2
  )
  scores = [np.asarray(critic.apply(nets["critic"], x.image, jnp.full(4, c))) for c in (0, 1)]
  assert np.abs(scores[0] - scores[1]).max() > 1e-3
  assert m.represent == {}  # a score without a class means nothing


def test_projection_is_the_papers():
  """D(x, y) - D(x, y') = (v_y - v_y').f(x), f(x) being what the last layer sees."""
  critic: Any = Critic(NETWORKS["dense"].encoder(outputs=4, width=2), "projection", 3)
  image = batch().image
  variables = critic.init(jax.random.key(0), image, jnp.zeros(4, jnp.int32))
  last = variables["params"]["body"]["Dense_3"]
  last["bias"] = jnp.arange(4.0)
  h = image.reshape(4, -1)
  for layer in ("Dense_0", "Dense_1", "Dense_2"):
    h = nn.leaky_relu(h @ variables["params"]["body"][layer]["kernel"], 0.2)
  for y in range(3):
    want = h @ last["kernel"][:, 0] + h @ last["kernel"][:, 1 + y] + 1 + y
    np.testing.assert_allclose(critic.apply(variables, image, jnp.full(4, y)), want, rtol=1e-4)


def test_dropout_is_the_critics_and_only_in_training():
  m = METHODS["gan"](tiny.SPEC, **(tiny.ARGS["gan"] | {"network": "dense"}), dropout=0.5)
  x = batch()
  one, two = (play(m, 0, x, jax.random.split(jax.random.key(k), 4))[1]["real"] for k in (1, 2))
  assert one != two
  plain = METHODS["gan"](tiny.SPEC, **(tiny.ARGS["gan"] | {"network": "dense"}))
  nets = tiny.init(m, jax.random.key(0), x)
  np.testing.assert_array_equal(
    m.represent["critic"](nets, x.image), plain.represent["critic"](nets, x.image)
  )


def test_both_rates_and_horizons_are_the_players_own():
  m = METHODS["gan"](
    tiny.SPEC,
    **tiny.ARGS["gan"],
    learning_rate=1e-3,
    critic_learning_rate=4e-3,
    decay_steps=2,
    critic_decay_steps=4,
  )
  one, two = jnp.ones(()), {}
  for turn in m.turns:
    opt, moves = turn.tx.init(one), []
    for _ in range(5):
      move, opt = turn.tx.update(one, opt, one)
      moves.append(-np.asarray(move))
    two[turn.player] = moves
  np.testing.assert_allclose(two["generator"], [1e-3, 5e-4, 0, 0, 0], rtol=1e-3, atol=1e-9)
  np.testing.assert_allclose(two["critic"], [4e-3, 3e-3, 2e-3, 1e-3, 0], rtol=1e-3, atol=1e-9)
  assert [t.repeats for t in METHODS["wgan"](tiny.SPEC, **(tiny.ARGS["wgan"] | {"n_critic": 5})).turns] == [
    5,
    1,
  ]


def test_builders_take_the_arguments_of_their_loss_and_of_the_game():
  assert list(defaults("gan"))[:3] == ["loss", "real_label", "network"]
  assert defaults("cgan")["condition"] == "one_hot"
  assert defaults("wgan")["n_critic"] == 5
  assert "clip" not in defaults("gan")
  with pytest.raises(TypeError):
    METHODS["gan"](tiny.SPEC, clip=0.1)
  with pytest.raises(TypeError, match="n_critc is not an argument of"):
    compose(adversarial.build, gan.hinge, n_critc=5)
  with pytest.raises(TypeError, match="argument a of <lambda> needs a default"):
    compose(adversarial.build, lambda a: gan.hinge())


@pytest.mark.parametrize(
  ("name", "args", "word"),
  [
    ("gan", {"loss": "nonsaturating"}, "loss.*did you mean"),
    ("gan", {"real_label": 2.0}, "real_label is 2.0"),
    ("gan", {"real_label": 0.0}, "real_label"),
    ("gan", {"n_critic": 0}, "n_critic is 0"),
    ("gan", {"dropout": 1.0}, "dropout is 1.0"),
    ("gan", {"dropout": 0.5, "network": "conv"}, "dropout is 0.5.*'conv' does not have"),
    ("gan", {"attention": True, "network": "dense"}, "attention is True.*dcgan, resnet do"),
    ("gan", {"spectral_norm": "yes"}, "spectral_norm"),
    ("gan", {"condition": "onehot"}, "condition"),
    ("gan", {"learning_rate": -1e-4}, "learning_rate"),
    ("gan", {"critic_learning_rate": -1e-4}, "critic_learning_rate"),
    ("gan", {"b1": 1.0}, "b1"),
    ("lsgan", {"a": 1.0}, "a and b"),
    ("lsgan", {"c": math.nan}, "c is nan"),
    ("wgan", {"clip": 0.0}, "clip"),
    ("wgan_gp", {"penalty": "one"}, "penalty"),
    ("wgan_gp", {"penalty_weight": -1.0}, "penalty_weight"),
    ("wgan_gp", {"network": "unet"}, "network"),
  ],
)
def test_bad_arguments(name, args, word):
  with pytest.raises(InputError, match=word):
    METHODS[name](tiny.SPEC, **(tiny.ARGS[name] | args))


@pytest.mark.parametrize("name", ["cgan", "classifier"])
def test_data_without_classes_are_refused(name):
  with pytest.raises(InputError, match="no classes"):
    METHODS[name](Spec((8, 8, 1), 1), **tiny.ARGS[name])
