"""Approximate posteriors q(z | x): a Gaussian that an encoder describes, and flows of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn

from gengap.method import Array
from gengap.methods import common
from gengap.networks import flows

CONTEXT = 64  # outputs of the encoder that condition a flow


class Gaussian(NamedTuple):
  """q(z | x) before the flow."""

  mean: Array  # [B, D]
  log_std: Array  # [B, D]
  context: Array  # [B, C], condition of the flow


class Sample(NamedTuple):
  """One z for each image."""

  noise: Array  # [B, D], standard normal, that makes z
  z: Array  # [B, D], after the flow
  log_det: Array  # [B], of the flow's Jacobian


def stack(layer: Callable[..., nn.Module], layers: int, **settings: int) -> Callable[[int], flows.Flow]:
  """Returns a stack of flow layers as a function of the latent dimension."""
  common.positive(**{f"flow.{name}": value for name, value in {"layers": layers, **settings}.items()})
  return lambda dim: flows.Flow([layer(dim, **settings) for _ in range(layers)])


def none() -> Callable[[int], None]:
  """No flow: q(z | x) is a Gaussian."""
  return lambda dim: None


def planar(layers: int = 4) -> Callable[[int], flows.Flow]:
  """D3: `flows.Planar`."""
  return stack(flows.Planar, layers)


def realnvp(layers: int = 4, width: int = 128) -> Callable[[int], flows.Flow]:
  """`flows.Coupling`. Each layer moves one half of the latents, so it takes two to move all."""
  return stack(flows.Coupling, layers, width=width)


def iaf(layers: int = 4, width: int = 128) -> Callable[[int], flows.Flow]:
  """`flows.Autoregressive`."""
  return stack(flows.Autoregressive, layers, width=width)


FLOWS = {f.__name__: f for f in (none, planar, realnvp, iaf)}


def find(flow: str | Mapping[str, Any]) -> Callable[[int], flows.Flow | None]:
  """Returns the flow that config.method_args.flow describes, as a function of the latent dimension.

  It is a name, or a mapping with settings, such as {"flow": "iaf", "layers": 4, "width": 128}.

  Raises:
    InputError: unknown name, unknown settings, or a value outside its range.
  """
  return common.from_description("flow", flow, "flow", FLOWS)
