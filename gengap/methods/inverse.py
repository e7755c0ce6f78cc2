"""Fits an encoder to a frozen generator that has none.

The loss has two terms, each relative to the variance of its target, so neither needs a weight:

  E |E(G(z)) - z|^2 / E |z|^2           on generated images (Perarnau et al. 2016, arXiv:1611.06355)
  E |G(E(x)) - x|^2 / E |x - mean x|^2  on real ones (Zhu et al. 2016, arXiv:1609.03552, equation 3)

The first keeps codes in the region of the prior, the second makes them reconstruct real images.
"""

from typing import Any

import jax.numpy as jnp

from gengap.method import Batch, Encoding, Key, Keys, Kind, Method, Nets, Params, Spec, Turn, whole_batch
from gengap.methods import common

PLAYER = "inverse"


def build(
  spec: Spec,
  generator: Method,
  nets: Nets,
  network: str = "conv",
  width: int = 16,
  learning_rate: float = 1e-3,
) -> Method:
  """Builds the method; it represents images by "code" [B, latent_dim].

  Args:
    spec: of the data.
    generator: the method whose `generate` is inverted.
    nets: its trained variables, which stay as they are.
    network: family of the encoder.
    width: of the encoder, in the family's own unit.
    learning_rate: of Adam.
  """
  assert generator.generate, "this method generates no images"
  generate, dim = generator.generate, generator.latent_dim
  encoder: Any = common.network(network, "encoder")(outputs=dim, width=width, dtype=spec.dtype)

  def init(key: Key, batch: Batch) -> Nets:
    return nets | {PLAYER: encoder.init(key, batch.image, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step):
    del step
    variables, z = nets[PLAYER] | {"params": params}, common.normal(keys, dim)
    both = jnp.concatenate([generate(nets, z, batch.label), batch.image])
    codes, changed = encoder.apply(variables, both, train=True, mutable=["batch_stats"])
    of_fake, of_real = jnp.split(codes, 2)
    latent = jnp.mean((of_fake - z) ** 2)
    reconstruction = generate(nets, of_real, batch.label)
    real = whole_batch(batch.image)  # the variance of a device's own images would be smaller
    pixel = jnp.mean((reconstruction - batch.image) ** 2) / jnp.mean((real - real.mean(0)) ** 2)
    return latent + pixel, ({PLAYER: changed}, {"latent": latent, "pixel": pixel})

  def code(nets: Nets, x):
    return encoder.apply(nets[PLAYER], x, train=False)

  return Method(
    latent_dim=dim,
    init=init,
    turns=(Turn(PLAYER, loss, common.adam(learning_rate)),),
    generate=generate,
    represent={"code": code},
    kind=Kind.INVERSE,
    encodes=Encoding.CODE,
    conditional=generator.conditional,
  )
