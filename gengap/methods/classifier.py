"""A classifier by cross-entropy: features, and the class of generated images, from the same trainer."""

from typing import Any

import jax.numpy as jnp
import optax

from gengap.errors import InputError
from gengap.method import Array, Batch, Key, Keys, Method, Nets, Params, Spec, Turn
from gengap.methods import parts


def build(
  spec: Spec,
  network: str = "dcgan",
  width: int = 32,
  dropout: float = 0.0,
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  decay_steps: int = 0,
) -> Method:
  """Builds the method; it represents images by "logits" [B, classes], and generates none.

  Args:
    spec: of the data.
    network: family whose encoder classifies.
    width: in the family's own unit.
    dropout: rate; 0 drops nothing.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    decay_steps: updates until the learning rate has fallen linearly to 0; 0 keeps it.

  Raises:
    InputError: a value outside its range, or data without classes.
  """
  parts.positive(width=width)
  parts.rate(dropout=dropout)
  if spec.num_classes < 2:
    raise InputError(
      "config.method is 'classifier', and the data have no classes, or only one; use several, such as mnist's"
    )
  encoder = parts.network(network, "encoder", dropout=dropout)
  model: Any = encoder(outputs=spec.num_classes, width=width, dtype=spec.dtype)

  def init(key: Key, batch: Batch) -> Nets:
    return {"classifier": model.init(key, batch.image, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    del nets, step
    logits = model.apply({"params": params}, batch.image, train=True, keys=keys)
    value = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()
    return value, ({}, {"accuracy": jnp.mean(jnp.argmax(logits, -1) == batch.label)})

  return Method(
    latent_dim=0,
    init=init,
    turns=(Turn("classifier", loss, parts.adam(learning_rate, b1, b2, decay_steps)),),
    generate=None,
    represent={"logits": lambda nets, x: model.apply(nets["classifier"], x, train=False)},
  )
