"""Network families: a decoder and an encoder each, called alike, so that any method may use any of them.

decoder(shape=(H, W, C), width=..., dtype=None) is a module (z [B, latent], train) -> [B, H, W, C], before
any output nonlinearity. encoder(outputs=n, width=..., dtype=None) is (x [B, H, W, C], train) -> [B, n].
Both return float32. A GAN plays the decoder against encoder(outputs=1); a VAE takes
encoder(outputs=2 * latent). To add a family, write such a pair and name it here.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn

from gengap.networks import conv, dense, resnet


class Family(NamedTuple):
  """A pair of networks; see above for how they are called."""

  decoder: Callable[..., nn.Module]
  encoder: Callable[..., nn.Module]


NETWORKS: Mapping[str, Family] = {
  "dense": Family(dense.Decoder, dense.Encoder),
  "conv": Family(conv.Decoder, conv.Encoder),
  "resnet": Family(resnet.Decoder, resnet.Encoder),
}
