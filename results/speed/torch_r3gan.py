"""The training step of configs/r3gan.py in PyTorch, tuned.

python results/speed/torch_r3gan.py [--which=r3gan] [--steps=N] [--threads=2] [--layout=...] [--size=28]

The last line is one JSON object: {"which", "step_seconds": the median, "first_step_seconds", "steps"}.
PyTorch is not a dependency of gengap: install it for this script only.
"""

import argparse
import math
from collections.abc import Callable

import torch  # pyright: ignore[reportMissingImports]  # not a dependency
import torch_peer
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]  # not a dependency
from torch.nn.functional import conv2d, conv_transpose2d, softplus  # pyright: ignore[reportMissingImports]

GAIN = math.sqrt(2 / (1 + 0.2**2))
GAMMA = 1.0
LATENT, WIDTH, STAGES, BLOCKS, GROUP = 64, 32, 3, 2, 16


def conv(cin: int, cout: int, k: int = 1, groups: int = 1, gain: float = 1.0) -> nn.Conv2d:
  """A convolution without bias, whose kernel has standard deviation gain / sqrt(fan_in)."""
  layer = nn.Conv2d(cin, cout, k, padding=k // 2, groups=groups, bias=False)
  nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(k * k * cin / groups))
  return layer


class BiasedLeakyReLU(nn.Module):
  """LeakyReLU(0.2) of x + bias."""

  def __init__(self, w: int):
    super().__init__()
    self.bias = nn.Parameter(torch.zeros(w, 1, 1))

  def forward(self, x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x + self.bias, 0.2)


class Block(nn.Module):
  """x + 1x1, LeakyReLU, 3x3 in groups, LeakyReLU, 1x1; the last kernel starts at 0."""

  def __init__(self, w: int):
    super().__init__()
    gain = GAIN * (BLOCKS * STAGES) ** -0.25
    grouped = conv(2 * w, 2 * w, 3, 2 * w // GROUP, gain)
    self.body = nn.Sequential(
      conv(w, 2 * w, gain=gain),
      BiasedLeakyReLU(2 * w),
      grouped,
      BiasedLeakyReLU(2 * w),
      conv(2 * w, w, gain=0),
    )

  def forward(self, x: Tensor) -> Tensor:
    return x + self.body(x)


class Resample(nn.Module):
  """Bilinear resampling by 2, with zeros outside the image."""

  def __init__(self, w: int, up: bool):
    super().__init__()
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
    self.register_buffer("kernel", torch.outer(line, line).repeat(w, 1, 1, 1))
    self.apply_to = conv_transpose2d if up else conv2d

  def forward(self, x: Tensor) -> Tensor:
    return self.apply_to(x, self.kernel, stride=2, padding=1, groups=x.shape[1])


class Basis(nn.Module):
  """A learned map of each channel times a linear function of z."""

  def __init__(self, side: int, w: int):
    super().__init__()
    self.basis = nn.Parameter(torch.randn(w, side, side))
    self.linear = nn.Linear(LATENT, w)

  def forward(self, z: Tensor) -> Tensor:
    return self.basis * self.linear(z)[:, :, None, None]


def stage(w: int) -> list[nn.Module]:
  return [Block(w) for _ in range(BLOCKS)]


def generator(side: int, w: int) -> nn.Module:
  """Z -> the first map -> stages with bilinear upsampling between -> 1x1, tanh."""
  layers = [Basis(side // 2 ** (STAGES - 1), w), *stage(w)]
  for _ in range(STAGES - 1):
    layers += [Resample(w, up=True), *stage(w)]
  return nn.Sequential(*layers, conv(w, 1), nn.Tanh())


def critic(side: int, w: int) -> nn.Module:
  """1x1 -> stages with bilinear downsampling between -> depthwise over the whole map -> linear."""
  layers = [conv(1, w), *stage(w)]
  for _ in range(STAGES - 1):
    layers += [Resample(w, up=False), *stage(w)]
  basis = nn.Conv2d(w, w, side // 2 ** (STAGES - 1), groups=w, bias=False)
  return nn.Sequential(*layers, basis, nn.Flatten(), nn.Linear(w, 1, bias=False), nn.Flatten(0))


def r3gan(generator: nn.Module, critic: nn.Module, draw: Callable[[], Tensor]) -> Callable[[], None]:
  """One update of the critic by the relativistic loss with R1 and R2, and one of the generator."""
  opt_g, opt_c = (torch_peer.adam(net, 2e-4, (0.0, 0.99)) for net in (generator, critic))

  def step() -> None:
    real = draw()
    with torch.no_grad():
      fake = generator(torch.randn(len(real), LATENT))
    images = torch.cat([real, fake]).requires_grad_()
    scores = critic(images)
    (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    score_real, score_fake = scores.chunk(2)
    penalty = slope.square().sum() / len(real)  # R1 and R2
    torch_peer.update(opt_c, softplus(score_fake - score_real).mean() + GAMMA / 2 * penalty)
    critic.requires_grad_(False)
    fake_score = critic(generator(torch.randn(len(real), LATENT)))
    with torch.no_grad():
      score_real = critic(real)
    torch_peer.update(opt_g, softplus(score_real - fake_score).mean())
    critic.requires_grad_(True)

  return step


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--which", default="r3gan")
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--layout", choices=["channels_last", "contiguous_format"], default="channels_last")
  parser.add_argument("--size", type=int, default=28)
  args = parser.parse_args()
  layout = getattr(torch, args.layout)
  g, c = (net(args.size, WIDTH).to(memory_format=layout) for net in (generator, critic))
  torch_peer.measure(lambda: r3gan(g, c, torch_peer.sampler(64, 1, args.size, args.size)), args)


if __name__ == "__main__":
  main()
