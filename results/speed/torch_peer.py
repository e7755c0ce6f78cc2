"""The training steps that gengap is timed against, in PyTorch, tuned.

python results/speed/torch_peer.py --which=vae|NETWORK_LOSS [--steps=N] [--threads=2] [--layout=...]
  [--width=32] [--batch=64] [--device=cuda [--how=eager|compile|graph]]

NETWORK is resnet, dcgan or dense, and LOSS is gan (non-saturating) or wgan_gp. On a GPU, products and
convolutions are TF32, and GROUP steps are timed together. --how=compile applies torch.compile to the
networks; it cannot differentiate twice, so the critic of a gradient penalty stays eager. --how=graph captures
a whole eager step in one CUDA graph.

The last line is one JSON object: {"which", "step_seconds": the median, "first_step_seconds", "steps"}.
PyTorch is not a dependency of gengap: install it for this script only.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable

import torch  # pyright: ignore[reportMissingImports]  # not a dependency
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]  # not a dependency
from torch.nn.functional import softplus  # pyright: ignore[reportMissingImports]  # not a dependency


def conv(cin: int, cout: int, k: int = 3, stride: int = 1, bias: bool = True) -> nn.Conv2d:
  """A convolution padded by (k - 1) // 2."""
  return nn.Conv2d(cin, cout, k, stride, (k - 1) // 2, bias=bias)


class Up(nn.Module):
  """BN, ReLU, 3x3, BN, ReLU, upsample, 3x3, beside a 1x1 shortcut (before upsampling: the same, cheaper)."""

  def __init__(self, w: int):
    super().__init__()
    self.a = nn.Sequential(nn.BatchNorm2d(w), nn.ReLU(), conv(w, w, bias=False), nn.BatchNorm2d(w), nn.ReLU())
    self.b = nn.Sequential(nn.Upsample(scale_factor=2), conv(w, w))
    self.shortcut = nn.Sequential(conv(w, w, 1), nn.Upsample(scale_factor=2))

  def forward(self, x: Tensor) -> Tensor:
    return self.b(self.a(x)) + self.shortcut(x)


class Down(nn.Module):
  """ReLU, 3x3, ReLU, pool, 3x3, beside a pooled 1x1 shortcut."""

  def __init__(self, cin: int, w: int):
    super().__init__()
    self.main = nn.Sequential(nn.ReLU(), conv(cin, w), nn.ReLU(), nn.AvgPool2d(2), conv(w, w))
    self.shortcut = nn.Sequential(nn.AvgPool2d(2), conv(cin, w, 1))

  def forward(self, x: Tensor) -> Tensor:
    return self.main(x) + self.shortcut(x)


class Residual(nn.Module):
  """ReLU, 3x3, ReLU, 3x3, beside the identity."""

  def __init__(self, w: int):
    super().__init__()
    self.main = nn.Sequential(nn.ReLU(), conv(w, w), nn.ReLU(), conv(w, w))

  def forward(self, x: Tensor) -> Tensor:
    return x + self.main(x)


class Critic(nn.Module):
  """Two down-blocks, two residual blocks, ReLU, sum over space, Dense."""

  def __init__(self, w: int):
    super().__init__()
    self.body = nn.Sequential(Down(3, w), Down(w, w), Residual(w), Residual(w), nn.ReLU())
    self.head = nn.Linear(w, 1)

  def forward(self, x: Tensor) -> Tensor:
    return self.head(self.body(x).sum((2, 3)))


def resnet_generator(latent: int, w: int) -> nn.Module:
  """Z -> Dense 4x4xw -> three up-blocks -> BN, ReLU, 3x3, tanh."""
  return nn.Sequential(
    nn.Linear(latent, 16 * w),
    nn.Unflatten(1, (w, 4, 4)),
    Up(w),
    Up(w),
    Up(w),
    nn.BatchNorm2d(w),
    nn.ReLU(),
    conv(w, 3),
    nn.Tanh(),
  )


def dense(*sizes: int) -> nn.Sequential:
  """Dense layers with LeakyReLU(0.2) between."""
  layers: list[nn.Module] = []
  for i, o in itertools.pairwise(sizes):
    layers += [nn.Linear(i, o), nn.LeakyReLU(0.2)]
  return nn.Sequential(*layers[:-1])


def dcgan_generator(latent: int, w: int) -> nn.Module:
  """Z -> Dense 7x7x2w -> 14x14xw -> 28x28x1; BN and LeakyReLU between, tanh."""
  return nn.Sequential(
    nn.Linear(latent, 98 * w),
    nn.Unflatten(1, (2 * w, 7, 7)),
    nn.BatchNorm2d(2 * w),
    nn.LeakyReLU(0.2),
    nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False),
    nn.BatchNorm2d(w),
    nn.LeakyReLU(0.2),
    nn.ConvTranspose2d(w, 1, 4, 2, 1),
    nn.Tanh(),
  )


def dcgan_critic(w: int) -> nn.Module:
  """28x28x1 -> 14x14xw -> 7x7x2w -> Dense."""
  first, second = nn.Conv2d(1, w, 4, 2, 1), nn.Conv2d(w, 2 * w, 4, 2, 1)
  return nn.Sequential(
    first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(98 * w, 1)
  )


GROUP = 10  # steps between two synchronisations with a GPU


def sampler(batch: int, *shape: int) -> Callable[[], Tensor]:
  """Batches in [-1, 1] drawn at random from 10,000 uint8 images in memory."""
  data = torch.randint(0, 256, (10_000, *shape), dtype=torch.uint8)
  if len(shape) == 3:
    data = data.contiguous(memory_format=torch.channels_last)
  return lambda: data[torch.randint(len(data), (batch,))].float().div_(127.5).sub_(1)


def adam(net: nn.Module, lr: float, betas: tuple[float, float]) -> torch.optim.Adam:
  parameters = list(net.parameters())
  return torch.optim.Adam(parameters, lr, betas, fused=True, capturable=parameters[0].is_cuda)


def update(opt: torch.optim.Optimizer, loss: Tensor) -> None:
  opt.zero_grad(set_to_none=True)
  loss.backward()
  opt.step()


def wgan_gp(generator: nn.Module, critic: nn.Module, draw: Callable[[], Tensor], latent: int, n_critic: int):
  """n_critic critic updates with the gradient penalty, and one generator update."""
  opt_g, opt_c = adam(generator, 2e-4, (0.0, 0.9)), adam(critic, 2e-4, (0.0, 0.9))

  def step() -> None:
    batch = 0
    for _ in range(n_critic):
      real = draw()
      batch = len(real)
      with torch.no_grad():
        fake = generator(torch.randn(len(real), latent))
      mix = torch.rand(len(real), *[1] * (real.ndim - 1))
      between = torch.lerp(fake, real, mix).requires_grad_()
      (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
      penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
      score_fake, score_real = critic(torch.cat([fake, real])).chunk(2)
      update(opt_c, score_fake.mean() - score_real.mean() + 10 * penalty)
    critic.requires_grad_(False)
    update(opt_g, -critic(generator(torch.randn(batch, latent))).mean())
    critic.requires_grad_(True)

  return step


def gan(generator: nn.Module, critic: nn.Module, draw: Callable[[], Tensor], latent: int):
  """One update of the critic by cross-entropy, and one of the generator by the non-saturating loss."""
  opt_g, opt_c = adam(generator, 2e-4, (0.5, 0.999)), adam(critic, 2e-4, (0.5, 0.999))

  def step() -> None:
    real = draw()
    with torch.no_grad():
      fake = generator(torch.randn(len(real), latent))
    score_fake, score_real = critic(torch.cat([fake, real])).chunk(2)
    update(opt_c, softplus(-score_real).mean() + softplus(score_fake).mean())
    critic.requires_grad_(False)
    update(opt_g, softplus(-critic(generator(torch.randn(len(real), latent)))).mean())
    critic.requires_grad_(True)

  return step


def conv_pair(outputs: int, latent: int, w: int = 32) -> nn.ModuleList:
  """The `conv` encoder and decoder, for 32x32 images of three channels."""
  encoder = nn.Sequential(
    conv(3, w),
    nn.ReLU(),
    conv(w, 2 * w, stride=2),
    nn.ReLU(),
    conv(2 * w, 4 * w, stride=2),
    nn.ReLU(),
    conv(4 * w, 8 * w, stride=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(128 * w, outputs),
  )

  def up(i: int, o: int) -> nn.Module:
    return nn.ConvTranspose2d(i * w, o * w, 4, 2, 1)

  decoder = nn.Sequential(
    nn.Linear(latent, 128 * w),
    nn.ReLU(),
    nn.Unflatten(1, (8 * w, 4, 4)),
    up(8, 4),
    nn.ReLU(),
    up(4, 2),
    nn.ReLU(),
    up(2, 1),
    nn.ReLU(),
    conv(w, 3),
  )
  return nn.ModuleList([encoder, decoder]).to(memory_format=torch.channels_last)


def vae_terms(net: nn.ModuleList, x: Tensor) -> tuple[Tensor, Tensor]:
  """Squared error and KL, summed over dimensions and averaged over the batch, at one z of each image."""
  encoder, decoder = net
  mean, log_variance = encoder(x).chunk(2, 1)
  z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
  error = (decoder(z) - x).square().flatten(1).sum(1)
  kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
  return error.mean(), kl.mean()


def vae_update(net: nn.ModuleList, opt: torch.optim.Optimizer, loss: Tensor) -> None:
  """One update, the gradient clipped at norm 1."""
  opt.zero_grad(set_to_none=True)
  loss.backward()
  nn.utils.clip_grad_norm_(net.parameters(), 1.0)
  opt.step()


def vae(draw: Callable[[], Tensor], compiled: bool, latent: int = 1024):
  """Trains the VAE of configs/vae.py, at beta 1."""
  net = conv_pair(2 * latent, latent)
  if compiled:
    for part in net:
      part.compile()
  opt = adam(net, 1e-3, (0.9, 0.999))
  return lambda: vae_update(net, opt, sum(vae_terms(net, draw())))


def build(args: argparse.Namespace) -> Callable[[], None]:
  """Returns the step of one experiment."""
  which, width, batch, compiled = args.which, args.width, args.batch, args.how == "compile"
  if which == "vae":
    return vae(sampler(256, 3, 32, 32), compiled)
  network, _, loss = which.partition("_")
  if network == "dense":
    nets, draw = (dense(128, 256, 512, 1024, 1024), dense(1024, 1024, 512, 256, 1)), sampler(batch, 1024)
  elif network == "dcgan":
    nets, draw = (dcgan_generator(128, width), dcgan_critic(width)), sampler(batch, 1, 28, 28)
  else:
    nets, draw = (resnet_generator(128, width), Critic(width)), sampler(batch, 3, 32, 32)
  generator, critic = (net.to(memory_format=getattr(torch, args.layout)) for net in nets)
  if compiled:
    generator.compile()
    if loss == "gan":
      critic.compile()
  if loss == "gan":
    return gan(generator, critic, draw, 128)
  return wgan_gp(generator, critic, draw, 128, n_critic=1 if network == "dense" else 5)


def captured(step: Callable[[], None]) -> Callable[[], None]:
  """Returns a function that replays a step on a GPU, without the interpreter's work."""
  stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
  with torch.cuda.stream(stream):  # as the capture's allocator and libraries need
    for _ in range(3):
      step()
  torch.cuda.synchronize()
  with torch.cuda.graph(graph, stream=stream):
    step()
  return graph.replay


def measure(build: Callable[[], Callable[[], None]], args: argparse.Namespace) -> None:
  """Times the steps that `build` returns, and prints the JSON object."""
  print(json.dumps({"which": args.which} | timed(build, args)))


def timed(build: Callable[[], Callable[[], None]], args: argparse.Namespace) -> dict[str, float]:
  """Times the steps that `build` returns: the median of args.steps, after the first three."""
  torch.manual_seed(0)
  torch.set_num_threads(args.threads)
  on_gpu = getattr(args, "device", "cpu") == "cuda"
  if on_gpu:
    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
  step, group, seconds = build(), GROUP if on_gpu else 1, []
  for i in range(args.steps + 3):
    if i == 1 and on_gpu and args.how == "graph":
      step = captured(step)
    start = time.perf_counter()
    for _ in range(group):
      step()
    if on_gpu:
      torch.cuda.synchronize()
    seconds.append((time.perf_counter() - start) / group)
  median = statistics.median(seconds[3:])
  return {"step_seconds": median, "first_step_seconds": seconds[0], "steps": args.steps}


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--which", required=True)
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--layout", choices=["channels_last", "contiguous_format"], default="channels_last")
  parser.add_argument("--width", type=int, default=32)
  parser.add_argument("--batch", type=int, default=64)
  parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
  parser.add_argument("--how", choices=["eager", "compile", "graph"], default="eager")
  args = parser.parse_args()
  measure(lambda: build(args), args)


if __name__ == "__main__":
  main()
