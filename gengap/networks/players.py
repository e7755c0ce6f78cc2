"""Generator and critic around any pair of networks, with optional class conditioning."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gengap.method import Array, Keys


class Generator(nn.Module):
  """A decoder and tanh: z [B, D], label -> [B, H, W, C] in [-1, 1].

  With any condition but "none", the one-hot class is appended to z. The label is a class, [B], or a mixture
  of classes, [B, classes].
  """

  body: nn.Module
  condition: str
  num_classes: int

  def __call__(self, z: Array, label: Array, train: bool) -> Array:
    if self.condition != "none":
      shares = label if label.ndim == 2 else jax.nn.one_hot(label, self.num_classes)
      z = jnp.concatenate([z, shares], -1)
    return jnp.tanh(self.body(z, train=train))


class Critic(nn.Module):
  """An encoder with one score per image: [B, H, W, C], label [B], keys [B] -> [B].

  one_hot adds the class to the image as constant planes (Mirza and Osindero 2014, arXiv:1411.1784).
  projection is D(x, y) = w.f(x) + v_y.f(x) (Miyato and Koyama 2018, arXiv:1802.05637, equation 3), where f is
  the encoder without its last layer, and w and v_y are columns of that layer; its biases add a constant per
  class. (In the paper the generator uses conditional BatchNorm, here the one-hot class.)
  """

  body: nn.Module
  condition: str
  num_classes: int

  def __call__(self, x: Array, label: Array, keys: Keys | None = None) -> Array:
    one_hot = jax.nn.one_hot(label, self.num_classes)
    if self.condition == "one_hot":
      planes = jnp.broadcast_to(one_hot[:, None, None, :], (*x.shape[:3], self.num_classes))
      x = jnp.concatenate([x, planes], -1)
    scores = self.body(x, train=keys is not None, keys=keys)
    if self.condition == "projection":
      return scores[:, 0] + jnp.sum(scores[:, 1:] * one_hot, -1)
    return scores[:, 0]
