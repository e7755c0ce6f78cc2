"""A small VAE in PyTorch, without gengap: its samples stand for those of any other program.

  pip install torch==2.13.0
  python results/evaluator/foreign_vae.py mnist.npz --out=samples [--steps=4000] [--number=5000] [--seed=0]

mnist.npz holds x_train [N, 28, 28] uint8, as Keras's file does. Writes decoder means for latents from the
prior: OUT/png/00000.png, ... and the same images as OUT/samples.npz (arr_0, [N, 28, 28, 1] uint8).
"""

import argparse
import pathlib

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # not a dependency
from PIL import Image
from torch import nn  # pyright: ignore[reportMissingImports]  # not a dependency

LATENTS = 32
WIDTH = 32


def networks() -> tuple[nn.Module, nn.Module]:
  """Returns an encoder to means and log variances, and a decoder to logits [B, 1, 28, 28]."""
  encoder = nn.Sequential(
    nn.Conv2d(1, WIDTH, 4, 2, 1),
    nn.ReLU(),
    nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(2 * WIDTH * 49, 2 * LATENTS),
  )
  decoder = nn.Sequential(
    nn.Linear(LATENTS, 2 * WIDTH * 49),
    nn.ReLU(),
    nn.Unflatten(1, (2 * WIDTH, 7, 7)),
    nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1),
    nn.ReLU(),
    nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1),
  )
  return encoder, decoder


def train(images: np.ndarray, steps: int, seed: int, batch: int = 64) -> nn.Module:
  """Trains a VAE with a Bernoulli likelihood on images [N, 28, 28] uint8, and returns its decoder."""
  torch.manual_seed(seed)
  encoder, decoder = networks()
  optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
  data = torch.from_numpy(images).float()[:, None] / 255
  for step in range(1, steps + 1):
    x = data[torch.randint(len(data), (batch,))]
    mean, log_variance = encoder(x).chunk(2, 1)
    logits = decoder(mean + torch.randn_like(mean) * (0.5 * log_variance).exp())
    distortion = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
    rate = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum() / batch
    optimiser.zero_grad()
    (distortion + rate).backward()
    optimiser.step()
    if step % 500 == 0:
      print(f"step {step}: {distortion.item() + rate.item():.1f} nats", flush=True)
  return decoder


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("data", type=pathlib.Path)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--steps", type=int, default=4000)
  parser.add_argument("--number", type=int, default=5000)
  parser.add_argument("--seed", type=int, default=0)
  args = parser.parse_args()
  decoder = train(np.load(args.data)["x_train"], args.steps, args.seed)
  with torch.no_grad():
    means = torch.sigmoid(decoder(torch.randn(args.number, LATENTS)))
  images = (means * 255).round().byte().permute(0, 2, 3, 1).numpy()
  folder = args.out / "png"
  folder.mkdir(parents=True, exist_ok=True)
  for i, image in enumerate(images):
    Image.fromarray(image[..., 0]).save(folder / f"{i:05}.png")
  np.savez_compressed(args.out / "samples.npz", arr_0=images)
  print(f"written: {len(images)} images to {folder} and {args.out / 'samples.npz'}")


if __name__ == "__main__":
  main()
