"""VAE-GAN: a VAE whose likelihood is of a critic's features (Larsen et al. 2016).

arXiv:1512.09300, algorithm 1. With x a real image, x~ = Dec(z) at z ~ q(z | x), x_p = Dec(z) at z ~ N(0, I),
f the features of the critic's layer l, D the critic's output before the sigmoid s:

  L_prior = KL(q(z | x) || p(z))
  L_llike = -log N(f(x); f(x~), I)
  L_GAN   = log s(D(x)) + log(1 - s(D(x~))) + log(1 - s(D(x_p)))

  encoder: min L_prior + L_llike,    critic: max L_GAN,    decoder: min gamma L_llike - L_GAN

Two things differ from the paper: the decoder maximises log s(D) of its images instead of minimising
log(1 - s(D)), and L_llike leaves out its constant. The losses log what `gan_metrics` and `elbo` log under the
same names, and

  feature_error    L_llike, without its constant
  pixel_error      squared error of x~ in [-1, 1], summed over pixels, which no player minimises
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Batch, Encoding, Key, Keys, Kind, Method, Metrics, Nets, Params, Spec, Turn
from gengap.methods import common, elbo, gan_metrics, kl
from gengap.methods.adversarial_losses import changed_collections
from gengap.methods.gan import log_sigmoid
from gengap.networks.players import Critic, Generator


class VAEGANLosses(NamedTuple):
  """The losses of the three players."""

  encoder: Any
  decoder: Any
  critic: Any
  latent_dim: int
  layer: int
  gamma: float

  def encode(self, variables, x: Array) -> tuple[Array, Array]:
    """Returns mean and log standard deviation of q(z | x), [B, D] each, of images [B, H, W, C]."""
    mean, log_variance = jnp.split(self.encoder.apply(variables, x, train=False), 2, -1)
    return mean, 0.5 * log_variance

  def decode(self, variables, z: Array) -> tuple[Array, Any]:
    """Returns images, and the decoder's new batch statistics."""
    label = jnp.zeros(len(z), jnp.int32)  # unused
    return self.decoder.apply(variables, z, label, train=True, mutable=["batch_stats"])

  def score(self, variables, x: Array, keys: Keys) -> tuple[Array, Array]:
    """Returns the critic's scores [B] and features [B, F]."""
    label = jnp.zeros(len(x), jnp.int32)
    scores, collections = self.critic.apply(variables, x, label, keys, mutable=["intermediates"])
    stages = collections["intermediates"]["body"]["stage"]
    if self.layer >= len(stages):
      raise InputError(
        f"config.method_args.layer is {self.layer}, and this critic has {len(stages)} stages, counted from 0"
      )
    return scores, stages[self.layer].astype(jnp.float32).reshape(len(x), -1)

  def decode_both(self, variables, q: tuple[Array, Array], keys: Keys) -> tuple[Array, Array, Any]:
    """Returns x~ of a posterior and x_p, decoded as one batch, and the decoder's new batch statistics."""
    posterior_keys, prior_keys = common.split(keys)
    mean, log_std = q
    z = mean + jnp.exp(log_std) * common.normal(posterior_keys, self.latent_dim)
    images, changed = self.decode(variables, jnp.concatenate([z, common.normal(prior_keys, self.latent_dim)]))
    reconstruction, fake = jnp.split(images, 2)
    return reconstruction, fake, changed

  def compare(self, nets: Nets, x: Array, reconstruction: Array, keys: Keys) -> tuple[Array, Array, Metrics]:
    """Returns L_llike, the scores of the reconstructions, and numbers to log."""
    _, target = self.score(nets["critic"], x, keys)
    scores, features = self.score(nets["critic"], reconstruction, keys)
    error = jnp.mean(0.5 * jnp.sum((target - features) ** 2, -1))
    pixels = jnp.mean(jnp.sum((x - reconstruction) ** 2, (1, 2, 3)))
    return error, scores, {"feature_error": error, "pixel_error": pixels}

  def encoder_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """L_prior + L_llike."""
    del step
    draw_keys, critic_keys = common.split(keys)
    q = self.encode(nets["encoder"] | {"params": params}, batch.image)
    reconstruction, *_ = self.decode_both(nets["decoder"], q, draw_keys)
    error, _, metrics = self.compare(nets, batch.image, reconstruction, critic_keys)
    units, active = elbo.batch_kl(*q)
    return units.sum() + error, ({}, metrics | {"kl": units.sum(), "active_units": active})

  def critic_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """-L_GAN."""
    del step
    draw_keys, real_keys, copy_keys, fake_keys = common.split(keys, 4)
    q = self.encode(nets["encoder"], batch.image)
    reconstruction, fake, _ = self.decode_both(nets["decoder"], q, draw_keys)
    images, dropout_keys = (
      jnp.concatenate(x) for x in ((batch.image, reconstruction, fake), (real_keys, copy_keys, fake_keys))
    )
    scores, _ = self.score(nets["critic"] | {"params": params}, images, dropout_keys)
    real_score, copy_score, fake_score = jnp.split(scores, 3)
    loss = -jnp.mean(log_sigmoid(real_score) + log_sigmoid(-copy_score) + log_sigmoid(-fake_score))
    metrics = gan_metrics.score_metrics(real_score, fake_score, boundary=0.0)
    return loss, ({}, metrics | {"diversity": gan_metrics.diversity(fake, batch.image)})

  def decoder_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """Gamma L_llike, and the non-saturating loss of both kinds of images."""
    del step
    draw_keys, copy_keys, fake_keys = common.split(keys, 3)
    own = nets["decoder"] | {"params": params}
    q = self.encode(nets["encoder"], batch.image)
    reconstruction, fake, changed = self.decode_both(own, q, draw_keys)
    error, copy_score, metrics = self.compare(nets, batch.image, reconstruction, copy_keys)
    fake_score, _ = self.score(nets["critic"], fake, fake_keys)
    adversarial = -jnp.mean(log_sigmoid(copy_score)) - jnp.mean(log_sigmoid(fake_score))
    return self.gamma * error + adversarial, (changed_collections(decoder=own | changed), metrics)


def build(
  spec: Spec,
  network: str = "dcgan",
  width: int = 64,
  latent_dim: int = 128,
  layer: int = 1,
  gamma: float = 1e-2,
  attention: bool = False,
  learning_rate: float = 2e-4,
  critic_learning_rate: float = 2e-4,
  b1: float = 0.5,
  b2: float = 0.999,
) -> Method:
  """Builds the method, which updates encoder, critic and decoder in this order.

  Args:
    spec: of the data.
    network: family of all three, one of `networks.NETWORKS`; its encoder serves as encoder and as critic.
    width: of all three, in the family's own unit.
    latent_dim: of z.
    layer: the stage of the critic whose features are compared, counted from 0 at the image.
    gamma: weight of the features in the decoder's loss; the encoder's is 1.
    attention: whether all three have self-attention on the maps of half the image's side.
    learning_rate: of the encoder's and the decoder's Adam.
    critic_learning_rate: of the critic's Adam.
    b1: Adam's first decay, of all.
    b2: Adam's second decay, of all.

  Raises:
    InputError: a value outside its range, or an option that the network lacks.
  """
  common.positive(width=width, latent_dim=latent_dim)
  kl.not_negative(gamma=gamma, layer=layer)
  shared = dict(width=width, dtype=spec.dtype)
  down = common.network(network, "encoder", attention=attention)
  up = common.network(network, "decoder", attention=attention)
  unconditional: dict[str, Any] = dict(condition="none", num_classes=spec.num_classes)
  encoder: Any = down(outputs=2 * latent_dim, **shared)
  decoder: Any = Generator(up(shape=spec.shape, **shared), **unconditional)
  critic: Any = Critic(down(outputs=1, **shared), **unconditional)
  losses = VAEGANLosses(encoder, decoder, critic, latent_dim, layer, gamma)

  def init(key: Key, batch: Batch) -> Nets:
    e, d, c = jax.random.split(key, 3)
    z = jnp.zeros((len(batch.image), latent_dim))
    return {
      "encoder": encoder.init(e, batch.image, train=False),
      "critic": critic.init(c, batch.image, batch.label),
      "decoder": decoder.init(d, z, batch.label, train=False),
    }

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    return decoder.apply(nets["decoder"], z, label, train=False)

  def posterior(index: int) -> Callable[[Nets, Array], Array]:
    return lambda nets, x: losses.encode(nets["encoder"], x)[index]

  def sample_posterior(nets: Nets, image: Array, keys: Keys, temperature: Array) -> Array:
    mean, log_std = losses.encode(nets["encoder"], image)
    return mean + temperature * jnp.exp(log_std) * common.normal(keys, latent_dim)

  def score(nets: Nets, x: Array) -> Array:
    return critic.apply(nets["critic"], x, jnp.zeros(len(x), jnp.int32))[:, None]

  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(
      Turn("encoder", losses.encoder_loss, common.adam(learning_rate, b1, b2)),
      Turn("critic", losses.critic_loss, common.adam(critic_learning_rate, b1, b2, prefix="critic_")),
      Turn("decoder", losses.decoder_loss, common.adam(learning_rate, b1, b2)),
    ),
    generate=generate,
    represent={"code": posterior(0), "mean": posterior(0), "log_std": posterior(1), "critic": score},
    kind=Kind.ADVERSARIAL,
    encodes=Encoding.GAUSSIAN,
    sample_posterior=sample_posterior,
    alarms=(gan_metrics.collapse_alarm("critic"), elbo.collapse_alarm("encoder")),
  )
