"""The losses of a generator and a critic, from an `Objective` and two networks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gengap.method import Array, Batch, Keys, Metrics, Nets, Params
from gengap.methods import common, diff_augment
from gengap.methods.gan import Objective
from gengap.methods.gan_metrics import diversity, score_metrics
from gengap.methods.penalties import Critic, Penalty
from gengap.networks import spectral


class AdversarialLosses(NamedTuple):
  """The losses of both players, each as `gengap.method.Loss`."""

  objective: Objective
  generator: Any
  critic: Any
  latent_dim: int
  penalties: tuple[Penalty, ...] = ()
  interval: int = 1  # the penalties are computed in every interval-th step, times the interval
  augment: Callable[[Array, Keys], Array] = diff_augment.unchanged  # of all images that the critic gets

  def generate_images(self, variables, keys: Keys, label: Array) -> tuple[Array, Any]:
    """Returns one generated image for each key, and the generator's new batch statistics."""
    z = common.normal(keys, self.latent_dim)
    return self.generator.apply(variables, z, label, train=True, mutable=["batch_stats"])

  def critic_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The critic's loss with the penalties times the interval."""
    del step

    def penalise(*args) -> tuple[Array, Metrics]:
      return jax.tree.map(lambda x: self.interval * x, self.penalise(*args))

    return self.loss_of_critic(params, nets, batch, keys, penalise)

  def critic_loss_between(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The critic's loss in steps without penalties, whose numbers are 0."""
    del step

    def zeros(*args) -> tuple[Array, Metrics]:
      shapes = jax.eval_shape(lambda: self.penalise(*args))
      return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    return self.loss_of_critic(params, nets, batch, keys, zeros)

  def loss_of_critic(self, params: Params, nets: Nets, batch: Batch, keys: Keys, penalise):
    """The critic's loss of real images and as many generated images of the same classes.

    Args:
      params: of the critic.
      nets: all variables.
      batch: real images.
      keys: one per example.
      penalise: see the method of this name.
    """
    latent_keys, penalty_keys, real_keys, fake_keys, dropout_keys = common.split(keys, 5)
    views = common.split(common.fold(keys, 5), 3)  # of the real, the generated and the penalised images
    fake, _ = self.generate_images(spectral.normalised(nets["generator"]), latent_keys, batch.label)
    own = spectral.advance(nets["critic"] | {"params": params})
    weights = spectral.normalised(own)
    images, labels, both = (
      jnp.concatenate(x) for x in ((batch.image, fake), (batch.label, batch.label), (real_keys, fake_keys))
    )
    images = self.augment(images, jnp.concatenate([views[0], views[1]]))
    real_score, fake_score = jnp.split(self.critic.apply(weights, images, labels, both), 2)
    loss = self.objective.critic(real_score, fake_score)
    metrics = score_metrics(real_score, fake_score, self.objective.boundary)
    metrics["diversity"] = diversity(fake, batch.image)
    if self.penalties:
      critic = self.critic.clone(body=self.critic.body.clone(dtype=jnp.float32))  # whatever config.dtype is

      def score(x: Array) -> Array:
        return critic.apply(weights, self.augment(x, views[2]), batch.label, dropout_keys)

      cost, penalty_metrics = penalise(score, batch.image, fake, penalty_keys)
      loss += cost
      metrics |= penalty_metrics
    return loss, (changed_collections(critic=own), metrics)

  def penalise(self, critic: Critic, real: Array, fake: Array, keys: Keys) -> tuple[Array, Metrics]:
    """Returns the sum of the penalties and their numbers, as a `Penalty`."""
    cost, metrics = jnp.zeros(()), {}
    for number, penalty in enumerate(self.penalties):
      own, numbers = penalty(critic, real, fake, common.fold(keys, number) if number else keys)
      cost, metrics = cost + own, metrics | numbers
    return cost, metrics

  def generator_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The generator's loss of generated images of the batch's classes, paired with its real images."""
    del step
    latent_keys, critic_keys = common.split(keys)
    real_view, fake_view = common.split(common.fold(keys, 2))
    own = spectral.advance(nets["generator"] | {"params": params})
    image, changed = self.generate_images(spectral.normalised(own), latent_keys, batch.label)
    weights = spectral.normalised(nets["critic"])

    def score(x: Array, view: Keys) -> Array:  # the two images of a pair share one dropout mask
      return self.critic.apply(weights, self.augment(x, view), batch.label, critic_keys)

    def loss_of(image: Array) -> Array:
      return self.objective.generator(score(batch.image, real_view), score(image, fake_view))

    # The chain rule in two parts, so that the image gradient can be logged; equals the gradient of `loss_of`.
    loss, image_gradient = jax.value_and_grad(loss_of)(lax.stop_gradient(image))
    loss += jnp.sum(image_gradient * (image - lax.stop_gradient(image)))
    per_image = len(image) * image_gradient.reshape(len(image), -1)  # the loss is a mean over images
    metrics = {"image_gradient": jnp.mean(jnp.linalg.norm(per_image, axis=1))}
    return loss, (changed_collections(generator=own | changed), metrics)


def changed_collections(**players) -> Nets:
  """Returns what a turn changes besides weights: batch statistics and vectors of the power iteration."""
  return {
    player: {name: variables[name] for name in ("batch_stats", "spectral") if name in variables}
    for player, variables in players.items()
  }
