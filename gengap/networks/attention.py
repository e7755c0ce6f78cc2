"""Self-attention over a feature map (Zhang et al. 2019, "Self-Attention GANs", arXiv:1805.08318)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gengap.networks.layers import Array, Conv


class Attention(nn.Module):
  """y = x + gamma v(sum_i beta_ji h(x_i)),  beta_ji = softmax_i f(x_i) . g(x_j): [B, H, W, C] -> the same.

  Equations 1 to 4 there: f, g, h to C / 8 channels and v back, 1x1 without bias; gamma starts at 0. The
  networks place it on the maps of half the image's side.
  """

  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    b, h, w, channels = x.shape

    def project(name: str) -> Array:
      return self.conv(max(1, channels // 8), name)(x).reshape(b, h * w, -1)

    scores = jnp.einsum("bjc,bic->bji", project("g"), project("f"))
    beta = jax.nn.softmax(scores.astype(jnp.float32)).astype(x.dtype)
    seen = jnp.einsum("bji,bic->bjc", beta, project("h")).reshape(b, h, w, -1)
    gamma = self.param("gamma", nn.initializers.zeros, ())
    return x + gamma.astype(x.dtype) * self.conv(channels, "v")(seen)

  def conv(self, features: int, name: str) -> Conv:
    """Returns a 1x1 convolution."""
    return Conv(features, (1, 1), use_bias=False, dtype=self.dtype, name=name)
