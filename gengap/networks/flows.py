"""Normalising flows: invertible maps of a latent whose Jacobian's determinant is known.

A layer is (z [B, D], context [B, C]) -> (image of z [B, D], log |det of its Jacobian| [B]), and its `inverse`
takes the image back. The context is whatever an encoder says of the example. All arithmetic is float32.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gengap.networks.layers import Array, Dense, kernel_init

HALVINGS = 40  # of an interval that holds a root, down to rounding


def inner(x: Array, y: Array) -> Array:
  """Inner product of every example: [B, D], [B, D] -> [B, 1]."""
  return jnp.sum(x * y, -1, keepdims=True)


class Planar(nn.Module):
  """f(z) = z + u tanh(w.z + b), with u, w and b linear in the context.

  Rezende and Mohamed (2015, arXiv:1505.05770), equations 10 to 12. By their appendix A.1 f is invertible
  where w.u >= -1, so u moves along w until w.u is m(w.u) = -1 + log(1 + e^(w.u)).
  """

  dim: int

  def setup(self):
    self.numbers = Dense(2 * self.dim + 1)

  def parameters(self, context: Array) -> tuple[Array, Array, Array, Array]:
    """Returns u, w [B, D], b and w.u [B, 1]."""
    u, w, b = jnp.split(self.numbers(context), (self.dim, 2 * self.dim), axis=-1)
    kept = nn.softplus(inner(w, u)) - 1
    return u + (kept - inner(w, u)) * w / (inner(w, w) + 1e-12), w, b, kept

  def __call__(self, z: Array, context: Array) -> tuple[Array, Array]:
    u, w, b, wu = self.parameters(context)
    h = jnp.tanh(inner(w, z) + b)
    return z + u * h, jnp.log1p((1 - h**2) * wu)[:, 0]

  def inverse(self, y: Array, context: Array) -> Array:
    """Finds a = w.z by bisection: w.y = a + w.u tanh(a + b) rises with a."""
    u, w, b, wu = self.parameters(context)
    low, high = inner(w, y) - jnp.abs(wu), inner(w, y) + jnp.abs(wu)
    for _ in range(HALVINGS):
      a = 0.5 * (low + high)
      above = a + wu * jnp.tanh(a + b) > inner(w, y)
      low, high = jnp.where(above, low, a), jnp.where(above, a, high)
    return y - u * jnp.tanh(0.5 * (low + high) + b)


class Coupling(nn.Module):
  """Affine coupling of RealNVP (Dinh et al. 2017, arXiv:1605.08803, equations 4 to 8), then reversed.

  The first half of z is unchanged; with the context it determines the scale, from e^-1 to e, and the shift of
  the second half.
  """

  dim: int
  width: int = 128

  def setup(self):
    self.hidden = Dense(self.width)
    self.numbers = Dense(2 * (self.dim - self.dim // 2))

  def parameters(self, fixed: Array, context: Array) -> tuple[Array, Array]:
    """Returns the log scale and the shift of the second half."""
    hidden = nn.relu(self.hidden(jnp.concatenate([fixed, context], -1)))
    raw, shift = jnp.split(self.numbers(hidden), 2, axis=-1)
    return jnp.tanh(raw), shift

  def __call__(self, z: Array, context: Array) -> tuple[Array, Array]:
    fixed, moved = jnp.split(z, (self.dim // 2,), axis=-1)
    log_scale, shift = self.parameters(fixed, context)
    moved = moved * jnp.exp(log_scale) + shift
    return jnp.concatenate([fixed, moved], -1)[:, ::-1], jnp.sum(log_scale, -1)

  def inverse(self, y: Array, context: Array) -> Array:
    fixed, moved = jnp.split(y[:, ::-1], (self.dim // 2,), axis=-1)
    log_scale, shift = self.parameters(fixed, context)
    return jnp.concatenate([fixed, (moved - shift) * jnp.exp(-log_scale)], -1)


class Masked(nn.Module):
  """Masked dense layer without bias (Germain et al. 2015, arXiv:1502.03509, equations 8 and 9).

  An output depends on the inputs of its own degree and below, or only of lower degrees if `strict`.
  """

  inputs: tuple[int, ...]  # degrees
  outputs: tuple[int, ...]
  strict: bool = False

  @nn.compact
  def __call__(self, x: Array) -> Array:
    before, after = np.array(self.inputs)[:, None], np.array(self.outputs)
    mask = before < after if self.strict else before <= after
    return x @ (self.param("kernel", kernel_init, mask.shape) * mask)


class Autoregressive(nn.Module):
  """Inverse autoregressive flow (Kingma et al. 2016, arXiv:1606.04934, equations 13 and 14), then reversed.

  z' = s z + (1 - s) m, where m_i and s_i = sigmoid(raw_i + 1) depend on the context and on z before i.
  """

  dim: int
  width: int = 128

  def setup(self):  # attribute names are parameter names in checkpoints
    order = tuple(range(self.dim))
    degrees = tuple(k % max(self.dim - 1, 1) for k in range(self.width))
    self.hidden, self.told = Masked(order, degrees), Dense(self.width)
    self.seen, self.numbers = Masked(degrees, order * 2, strict=True), Dense(2 * self.dim)

  def parameters(self, z: Array, context: Array) -> tuple[Array, Array]:
    """Returns m and raw + 1, [B, D] each."""
    hidden = nn.relu(self.hidden(z) + self.told(context))
    shift, raw = jnp.split(self.seen(hidden) + self.numbers(context), 2, axis=-1)
    return shift, raw + 1

  def __call__(self, z: Array, context: Array) -> tuple[Array, Array]:
    shift, raw = self.parameters(z, context)
    scale = nn.sigmoid(raw)
    return (scale * z + (1 - scale) * shift)[:, ::-1], jnp.sum(nn.log_sigmoid(raw), -1)

  def inverse(self, y: Array, context: Array) -> Array:
    """Inverts one dimension after another; each pass of the network fixes the next one."""
    y, z = y[:, ::-1], jnp.zeros_like(y)
    for _ in range(self.dim):
      shift, raw = self.parameters(z, context)
      scale = nn.sigmoid(raw)
      z = (y - (1 - scale) * shift) / scale
    return z


class Flow(nn.Module):
  """A sequence of layers, which is itself a layer."""

  layers: Sequence[nn.Module]

  def __call__(self, z: Array, context: Array) -> tuple[Array, Array]:
    total = jnp.zeros(len(z))
    for layer in self.layers:
      z, log_det = layer(z, context)
      total += log_det
    return z, total

  def inverse(self, y: Array, context: Array) -> Array:
    for layer in reversed(self.layers):
      y = layer.inverse(y, context)
    return y
