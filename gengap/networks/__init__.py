"""Network families: a decoder and an encoder each, called alike, so that any method may use any of them.

decoder(shape=(H, W, C), width=..., dtype=None) is a module (z [B, latent], train) -> [B, H, W, C], before
any output nonlinearity. encoder(outputs=n, width=..., dtype=None) is (x [B, H, W, C], train, keys=None) ->
[B, n], with one key per example for what it does at random. Both return float32. A GAN plays the decoder
against encoder(outputs=1); a VAE takes encoder(outputs=2 * latent). An encoder sows what each of its stages
makes as intermediates/stage. Some have more fields: attention=True, in both, is self-attention on the maps
of half the image's side; dropout=rate, in an encoder, drops where it is given keys; skips=(n, ...), in a
decoder, tells its stages the latent again (`layers.Skips`). To add a family, write such a pair and name it
here.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn

from gengap.networks import conv, dcgan, dense, resnet, small


class Family(NamedTuple):
  """A pair of networks; see above for how they are called."""

  decoder: Callable[..., nn.Module]
  encoder: Callable[..., nn.Module]


NETWORKS: Mapping[str, Family] = {
  "dense": Family(dense.Decoder, dense.Encoder),
  "conv": Family(conv.Decoder, conv.Encoder),
  "dcgan": Family(dcgan.Decoder, dcgan.Encoder),
  "resnet": Family(resnet.Decoder, resnet.Encoder),
  "small": Family(small.Decoder, small.Encoder),
  "small_map": Family(small.MapDecoder, small.MapEncoder),
}
