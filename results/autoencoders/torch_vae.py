"""Trains the autoencoders of configs/vae.py and its kin in PyTorch, on the images that gengap reads.

  python -m results.autoencoders.torch_vae [--latent=1024] [--beta=1.0 | --beta=linear | --plain] [--out=FILE]

Initial weights of PyTorch; Adam at 1e-3; batches of 256; every epoch in a new order, without its last,
partial batch; gradients clipped at norm 1. Every epoch prints a line with squared error and KL on all test
images, summed over dimensions, and the file holds the same. PyTorch is not a dependency of gengap: install it
separately.
"""

import argparse
import json
import pathlib
import time

import torch  # pyright: ignore[reportMissingImports]  # not a dependency
from torch import Tensor  # pyright: ignore[reportMissingImports]  # not a dependency

from gengap import data
from results.speed.torch_peer import adam, conv_pair, vae_terms, vae_update

BATCH = 256


def images(split: str) -> Tensor:
  """Returns a split of CIFAR-10 as uint8 [N, 3, 32, 32], channels last in memory."""
  found = torch.from_numpy(data.load("cifar10", split, image_size=32, validation_share=0.0).image.copy())
  return found.permute(0, 3, 1, 2)


def scaled(batch: Tensor) -> Tensor:
  return batch.float().div_(127.5).sub_(1)


def terms(net: torch.nn.ModuleList, x: Tensor, plain: bool) -> tuple[Tensor, Tensor]:
  """Returns squared error and KL; a plain autoencoder has none."""
  if not plain:
    return vae_terms(net, x)
  encoder, decoder = net
  return (decoder(encoder(x)) - x).square().flatten(1).sum(1).mean(), torch.zeros(())


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--latent", type=int, default=1024)
  parser.add_argument("--beta", default="1.0")
  parser.add_argument("--plain", action="store_true")
  parser.add_argument("--epochs", type=int, default=20)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--out", type=pathlib.Path)
  args = parser.parse_args()
  torch.manual_seed(args.seed)
  torch.set_num_threads(args.threads)
  train, test = images("train"), images("test")
  net = conv_pair((1 if args.plain else 2) * args.latent, args.latent)
  opt = adam(net, 1e-3, (0.9, 0.999))
  steps = len(train) // BATCH
  curve, start = [], time.perf_counter()
  for epoch in range(args.epochs):
    order = torch.randperm(len(train))
    for step in range(steps):
      share = (epoch * steps + step) / (args.epochs * steps)
      beta = share if args.beta == "linear" else float(args.beta)
      error, kl = terms(net, scaled(train[order[step * BATCH : (step + 1) * BATCH]]), args.plain)
      vae_update(net, opt, error + beta * kl)
    with torch.no_grad():
      seen = [(len(x), *terms(net, scaled(x), args.plain)) for x in test.split(1000)]
    error, kl = (float(sum(s[0] * s[i] for s in seen)) / len(test) for i in (1, 2))
    curve.append({"epoch": epoch, "reconstruction": error, "kl": kl, "seconds": time.perf_counter() - start})
    print(json.dumps(curve[-1]), flush=True)
    if args.out:
      settings = {k: v for k, v in vars(args).items() if k != "out"}
      args.out.write_text(json.dumps({"settings": settings, "curve": curve}, indent=2) + "\n")


if __name__ == "__main__":
  main()
