"""GANs with the zero-centred gradient penalties R1 and R2 (Mescheder et al. 2018, arXiv:1801.04406).

  R1 = gamma / 2 E |grad D(x)|^2          on real images (equation 8)
  R2 = gamma / 2 E |grad D(G(z))|^2       on generated images (equation 9)

They log "r1" and "r2", E |grad D|^2 without gamma / 2.
"""

import jax.numpy as jnp

from gengap.method import Array, Keys, Metrics
from gengap.methods import common, gan
from gengap.methods.penalties import Critic, Penalty, gradients


def squared_norm_penalty(penalty: str, gamma: float) -> Penalty:
  """Returns R1, R2 or their sum.

  Args:
    penalty: "r1", "r2" or "r1r2".
    gamma: weight of the squared norms, above 0.
  """
  common.positive(gamma=gamma)
  terms = common.choose("penalty", penalty, {"r1": ("r1",), "r2": ("r2",), "r1r2": ("r1", "r2")})

  def cost(critic: Critic, real: Array, fake: Array, keys: Keys) -> tuple[Array, Metrics]:
    del keys
    images = {"r1": real, "r2": fake}
    squares = {term: jnp.sum(gradients(critic, images[term]) ** 2, (1, 2, 3)) for term in terms}
    metrics = {term: jnp.mean(square) for term, square in squares.items()}
    return gamma / 2 * sum(metrics.values(), jnp.zeros(())), metrics

  return cost


def r1_gan(loss: str = "non_saturating", penalty: str = "r1", gamma: float = 10.0) -> gan.Objective:
  """The losses of `gan.gan` with R1, R2 or both.

  Args:
    loss: of the generator, "minimax" or "non_saturating".
    penalty: "r1", "r2" or "r1r2".
    gamma: weight of the penalty.
  """
  return gan.gan(loss)._replace(penalty=squared_norm_penalty(penalty, gamma))
