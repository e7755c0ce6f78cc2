"""Network families. Each is a decoder and an encoder with one interface, so any method can use any family.

decoder(shape=(H, W, C), width=..., dtype=None) is a module (z [B, latent], train) -> [B, H, W, C], before
any output nonlinearity. encoder(outputs=n, width=..., dtype=None) is (x [B, H, W, C], train, keys=None) ->
[B, n], with one key per example for its random numbers. Both return float32. A GAN trains the decoder against
encoder(outputs=1); a VAE uses encoder(outputs=2 * latent). An encoder sows the output of each stage as
intermediates/stage. Some families have more fields: attention=True adds self-attention to the feature maps of
half the image's side; dropout=rate in an encoder applies dropout when keys are given; skips=(n, ...) in a
decoder feeds the latent to later stages again (`layers.Skips`). To add a family, write such a pair and add it
to NETWORKS below.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn

from gengap.networks import conv, dcgan, dense, r3gan, resnet, small


class Family(NamedTuple):
  """A pair of networks; see above for how they are called."""

  decoder: Callable[..., nn.Module]
  encoder: Callable[..., nn.Module]
  zero_kernels: bool = False  # whether some start at 0, so that they have no spectral norm to divide by


NETWORKS: Mapping[str, Family] = {
  "dense": Family(dense.Decoder, dense.Encoder),
  "conv": Family(conv.Decoder, conv.Encoder),
  "dcgan": Family(dcgan.Decoder, dcgan.Encoder),
  "resnet": Family(resnet.Decoder, resnet.Encoder),
  "r3gan": Family(r3gan.Decoder, r3gan.Encoder, zero_kernels=True),
  "small": Family(small.Decoder, small.Encoder),
  "small_map": Family(small.MapDecoder, small.MapEncoder),
}
