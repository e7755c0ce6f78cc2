"""Metrics without a package, written down from their papers' equations: slow, with whole matrices in memory.

`peers` compares gengap with them.
"""

import math

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # not a dependency
from scipy import linalg, stats
from scipy.spatial.distance import cdist


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
  """Squared Frechet distance with the square root of the product of the covariances."""
  a, b = (np.cov(x, rowvar=False) for x in (real, fake))
  shift = real.mean(0) - fake.mean(0)
  return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(np.real(linalg.sqrtm(a @ b))))


def fd_infinity(real: np.ndarray, fake: np.ndarray, fixed_real: bool) -> float:
  """Chong and Forsyth (2020), section 4: a line through distances of subsets, in 1 / N, at 0."""
  n, rng = min(len(real), len(fake)), np.random.default_rng(0)
  a, b = (x[rng.permutation(len(x))[:n]] for x in (real, fake))
  sizes = np.linspace(max(n // 10, 2 * real.shape[1]), n, 15).astype(int)

  def mean(size: int) -> float:
    parts = [slice(start, start + size) for start in range(0, n - size + 1, size)]
    return float(np.mean([frechet(real if fixed_real else a[part], b[part]) for part in parts]))

  return float(np.polyfit(1 / sizes, [mean(size) for size in sizes], 1)[1])


def clipped(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, float]:
  """Salvy et al. (2025), with the coverage's expectation by sums over the beta-binomial distribution."""
  own, between = cdist(real, real), cdist(real, fake)
  order = np.argsort(own, 1)[:, 1 : k + 1]
  near = np.take_along_axis(own, order, 1)
  shorter = np.minimum(near[:, -1], np.median(near[:, -1]))
  of_real = np.bincount(order[near <= shorter[:, None]], minlength=len(real))
  of_fake = (between <= shorter[:, None]).sum(0)
  density = np.minimum(of_fake / k, 1).mean() / np.minimum(of_real / k, 1).mean()
  share = np.minimum((between < near[:, -1:]).sum(1) / k, 1).mean()
  j, m, n = np.arange(len(fake) + 1), len(fake), len(real)
  expected = [np.minimum(j, k) @ stats.betabinom.pmf(j, good, k, n - k) / k for good in range(m + 1)]
  coverage = np.interp(share, expected, np.arange(m + 1) / m)
  return {"clipped_density": float(min(density, 1)), "clipped_coverage": float(coverage)}


def fld(train: np.ndarray, test: np.ndarray, fake: np.ndarray) -> dict[str, float]:
  """Jiralerspong et al. (2023), with PyTorch's gradients and Adam, in float64."""
  rng = np.random.default_rng(0)
  sets = [torch.tensor(x[rng.permutation(len(x))], dtype=torch.float64) for x in (train, test, fake)]
  mean, deviation = sets[1].mean(0), sets[1].std(0)
  a, b, c = ((x - mean) / torch.where(deviation > 0, deviation, 1) for x in sets)
  half, logs = a[: min(len(a) // 2, len(c))], _fitted(c, a)
  of_real = _surprise(half, _fitted(half, a[len(a) // 2 :]), b)
  of_test, of_train = _surprise(c, logs, b), _surprise(c, logs, a)
  return {"fld": 100 * (of_test - of_real), "fld_gap": 100 * (of_train - of_test)}


def _log_normal(squares: torch.Tensor, log_variance: torch.Tensor, width: int) -> torch.Tensor:
  return -0.5 * (squares / log_variance.exp() + width * (log_variance + math.log(2 * math.pi)))


def _fitted(centres: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
  width, squares = x.shape[1], torch.cdist(x, centres) ** 2
  outward = 0.81 * ((x - x.mean(0)) ** 2).sum(1, keepdim=True)
  logs = ((squares.min(0).values + 1e-3) / width).log().requires_grad_()
  background = torch.zeros((), dtype=x.dtype, requires_grad=True)
  optimiser = torch.optim.Adam([logs, background], lr=0.5)
  for _ in range(50):
    optimiser.zero_grad()
    each = _log_normal(squares, logs, width) - math.log(len(centres))
    both = torch.cat([each, _log_normal(outward, background, width)], 1)
    (-torch.logsumexp(both, 1).mean() / width).backward()
    optimiser.step()
    with torch.no_grad():
      logs.clamp_(-40, 20)
  return logs.detach()


def _surprise(centres: torch.Tensor, logs: torch.Tensor, x: torch.Tensor) -> float:
  each = _log_normal(torch.cdist(x, centres) ** 2, logs, x.shape[1]) - math.log(len(centres))
  return float(-torch.logsumexp(each, 1).mean() / x.shape[1])
