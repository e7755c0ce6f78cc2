"""A classifier trained by cross-entropy, for features and classes of images."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from gengap.errors import InputError
from gengap.method import Array, Batch, Key, Keys, Kind, Method, Nets, Params, Spec, Turn
from gengap.methods import common
from gengap.networks.layers import dropout as drop
from gengap.networks.residual import Residual


class Classifier(nn.Module):
  """image -> residual network -> dropout -> Dense: [B, H, W, C] -> [B, 4 width], [B, classes]."""

  width: int
  classes: int
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> tuple[Array, Array]:
    """Returns features and logits; without keys there is no dropout."""
    features = Residual(self.width, dtype=self.dtype)(x, train)
    return features, nn.Dense(self.classes, name="head")(drop(features, self.dropout, keys, layer=0))


def augment(x: Array, keys: Keys, shift: int, flip: bool) -> Array:
  """Shifts images [B, H, W, C] by up to `shift` pixels, repeating borders, and mirrors half of them."""
  shift_keys, flip_keys = common.split(keys)
  padded = jnp.pad(x, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
  corners = jax.vmap(lambda key: jax.random.randint(key, (2,), 0, 2 * shift + 1))(shift_keys)
  x = jax.vmap(lambda image, corner: lax.dynamic_slice(image, (*corner, 0), x.shape[1:]))(padded, corners)
  if not flip:
    return x
  return jnp.where(common.uniform(flip_keys)[:, None, None, None] < 0.5, x[:, :, ::-1], x)


def build(
  spec: Spec,
  width: int = 16,
  dropout: float = 0.0,
  shift: int = 0,
  flip: bool = False,
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  decay_steps: int = 0,
) -> Method:
  """Builds the method; it represents images by "features" [B, 4 width] and "logits" [B, classes].

  Loss and accuracy are of augmented images, on held-out data too.

  Args:
    spec: of the data.
    width: channels at the image's size.
    dropout: rate on the features; 0 disables it.
    shift: largest random shift of an image in pixels, each way.
    flip: whether half of the images are mirrored, left to right.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    decay_steps: updates over which the learning rate falls linearly to 0; 0 keeps it constant.

  Raises:
    InputError: a value outside its range, or data without classes.
  """
  common.positive(width=width)
  common.rate(dropout=dropout)
  common.whole(0, shift=shift)
  if spec.num_classes < 2:
    raise InputError(
      "config.method is 'classifier', but the data have no classes, or only one; use data with several, "
      "such as mnist"
    )
  model: Any = Classifier(width, spec.num_classes, dropout, spec.dtype)

  def init(key: Key, batch: Batch) -> Nets:
    return {"classifier": model.init(key, batch.image, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    del step
    augment_keys, dropout_keys = common.split(keys)
    variables = nets["classifier"] | {"params": params}
    x = augment(batch.image, augment_keys, shift, flip)
    (_, logits), changed = model.apply(variables, x, train=True, keys=dropout_keys, mutable=["batch_stats"])
    value = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()
    accuracy = jnp.mean(jnp.argmax(logits, -1) == batch.label)
    return value, ({"classifier": changed}, {"accuracy": accuracy})

  def features_and_logits(nets: Nets, x: Array) -> tuple[Array, Array]:
    return model.apply(nets["classifier"], x, train=False)

  return Method(
    latent_dim=0,
    init=init,
    turns=(Turn("classifier", loss, common.adam(learning_rate, b1, b2, decay_steps)),),
    generate=None,
    represent={
      "features": lambda nets, x: features_and_logits(nets, x)[0],
      "logits": lambda nets, x: features_and_logits(nets, x)[1],
    },
    kind=Kind.CLASSIFIER,
  )
