"""The training step of configs/diffusion.py in PyTorch, tuned: the same U-Net, loss and optimiser.

python results/speed/torch_unet.py [--which=diffusion] [--steps=N] [--threads=2] [--layout=...]

Width 32, batches of 64 grey images of 28x28. The last line is one JSON object, as that of torch_peer.py.
PyTorch is not a dependency of gengap: install it for this script only.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]  # not a dependency
import torch_peer
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]  # not a dependency
from torch.nn.functional import silu  # pyright: ignore[reportMissingImports]  # not a dependency
from torch_peer import adam, conv, sampler

SIGMA_DATA, P_MEAN, P_STD = 0.5, -1.2, 1.2


def norm(channels: int) -> nn.GroupNorm:
  """Groups of at least 4 channels, 32 at most."""
  return nn.GroupNorm(min(32, channels // 4), channels)


class Block(nn.Module):
  """GN, SiLU, 3x3, GN, noise, SiLU, 3x3, beside a shortcut."""

  def __init__(self, cin: int, w: int, embedding: int):
    super().__init__()
    self.norm1, self.conv1 = norm(cin), conv(cin, w, bias=False)
    self.noise, self.norm2, self.conv2 = nn.Linear(embedding, 2 * w), norm(w), conv(w, w)
    self.shortcut = nn.Identity() if cin == w else conv(cin, w, 1)
    nn.init.zeros_(self.conv2.weight)

  def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
    y = self.conv1(silu(self.norm1(x)))
    scale, shift = self.noise(embedding)[:, :, None, None].chunk(2, 1)
    y = self.conv2(silu(torch.addcmul(shift, self.norm2(y), 1 + scale)))
    return self.shortcut(x) + y


class Attention(nn.Module):
  """Self-attention with C / 8 channels."""

  def __init__(self, channels: int):
    super().__init__()
    self.f, self.g, self.h = (conv(channels, channels // 8, 1, bias=False) for _ in range(3))
    self.v = conv(channels // 8, channels, 1, bias=False)
    self.gamma = nn.Parameter(torch.zeros(()))

  def forward(self, x: Tensor) -> Tensor:
    f, g, h = (layer(x).flatten(2) for layer in (self.f, self.g, self.h))
    beta = torch.softmax(g.transpose(1, 2) @ f, -1)
    seen = (h @ beta.transpose(1, 2)).unflatten(2, x.shape[2:])
    return x + self.gamma * self.v(seen)


class UNet(nn.Module):
  """The U-Net of gengap/networks/unet.py with one block in each level, each way."""

  def __init__(self, colours: int, width: int, multipliers: tuple[int, ...] = (1, 2, 2)):
    super().__init__()
    widths, embedding = [m * width for m in multipliers], 4 * width
    self.frequencies = torch.logspace(0, math.log10(64), width // 2)
    self.embed = nn.Sequential(
      nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
    )
    self.first = conv(colours, width)
    self.down = nn.ModuleList(Block(i, o, embedding) for i, o in zip([width, *widths], widths, strict=False))
    top = widths[-1]
    self.middle, self.last = Block(top, top, embedding), Block(top, top, embedding)
    self.attention = Attention(top)
    below = [*widths[1:], top]
    self.up = nn.ModuleList(
      Block(i + o, o, embedding) for i, o in reversed(list(zip(below, widths, strict=True)))
    )
    self.norm, self.out = norm(width), conv(width, colours)
    nn.init.zeros_(self.out.weight)

  def forward(self, x: Tensor, noise: Tensor) -> Tensor:
    angles = noise[:, None] * self.frequencies
    embedding = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
    x, features = self.first(x), []
    for level, block in enumerate(self.down):
      x = block(nn.functional.avg_pool2d(x, 2) if level else x, embedding)
      features.append(x)
    x = self.last(self.attention(self.middle(x, embedding)), embedding)
    for level, block in enumerate(self.up):
      x = nn.functional.interpolate(x, scale_factor=2) if level else x
      x = block(torch.cat([x, features.pop()], 1), embedding)
    return self.out(silu(self.norm(x)))


def diffusion(net: nn.Module, draw: Callable[[], Tensor]) -> Callable[[], None]:
  """One update, the gradient clipped at norm 1."""
  opt = adam(net, 1e-3, (0.9, 0.999))

  def step() -> None:
    y = draw()
    sigma = (P_MEAN + P_STD * torch.randn(len(y))).exp()[:, None, None, None]
    total = sigma.square() + SIGMA_DATA**2
    x = torch.addcmul(y, sigma, torch.randn_like(y))
    f = net(x * total.rsqrt(), sigma.flatten().log() / 4)
    denoised = SIGMA_DATA**2 / total * x + sigma * SIGMA_DATA * total.rsqrt() * f
    loss = (total / (sigma * SIGMA_DATA).square() * (denoised - y).square()).mean()
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()

  return step


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--which", default="diffusion")
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--layout", choices=["channels_last", "contiguous_format"], default="channels_last")
  args = parser.parse_args()
  net: Any = UNet(1, 32)
  net = net.to(memory_format=getattr(torch, args.layout))
  torch_peer.measure(lambda: diffusion(net, sampler(64, 1, 28, 28)), args)


if __name__ == "__main__":
  main()
