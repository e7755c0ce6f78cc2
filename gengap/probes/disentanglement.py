"""Does each latent encode one factor? Scores of latents against the known factors of their images."""

import math

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score, r2_score

from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import estimate
from gengap.metrics.estimate import Estimate

BINS = 20  # of a latent, and of a factor
LEAST = 100  # images with known factors
MOST = 256  # latents; there are at most a few thousand images to tell them apart by
QUANTITIES = (
  Quantity(
    "valid",
    "share of images with one blob",
    high=1,
    meaning="The share of images with one blob, whose place is known: only these are scored.",
  ),
  Quantity(
    "linear_r2",
    "R2 of a linear function of the latents",
    better=Better.HIGH,
    low=-math.inf,
    high=1,
    meaning=(
      "How well a linear function of the latents predicts the place of the blob: 1 is exactly, and "
      "higher is better."
    ),
  ),
  Quantity(
    "disentanglement",
    "disentanglement",
    better=Better.HIGH,
    high=1,
    meaning=(
      "Whether each latent encodes a single property of the image: 1 is always, and higher is better."
    ),
  ),
  Quantity(
    "completeness",
    "completeness",
    better=Better.HIGH,
    high=1,
    meaning=(
      "Whether each property of the image is encoded by a single latent: 1 is always, and higher is better."
    ),
  ),
  Quantity(
    "informativeness",
    "informativeness",
    better=Better.HIGH,
    low=-math.inf,
    high=1,
    meaning=(
      "How well all latents together predict the properties of the image: 1 is exactly, and higher is better."
    ),
  ),
  Quantity(
    "mig",
    "mutual information gap",
    better=Better.HIGH,
    high=1,
    meaning=(
      "How much more the best latent tells about a property of the image than the second best: 1 is "
      "everything, and higher is better."
    ),
  ),
)


def score(z: np.ndarray, factors: np.ndarray, seed: int) -> tuple[dict[str, Estimate], tuple[str, ...]]:
  """Scores latents [N, D] against factors [N, K], NaN where an image has none.

  Returns: valid, the share of images with factors; linear_r2, the R^2 of a linear regression from latents to
    factors on the other half of the images; see `dci` and `mig`. Then notes on what could not be scored.
  """
  known = np.isfinite(factors).all(1)
  numbers = {"valid": estimate.share(known)}
  if known.sum() < LEAST:
    return numbers, (
      f"no disentanglement: {known.sum()} of {len(z)} images show one blob, {LEAST} are needed",
    )
  if z.shape[1] > MOST:
    return numbers, (
      f"no disentanglement: it compares each latent with each factor, at most {MOST} of them, and there are "
      f"{z.shape[1]}",
    )
  z, factors = z[known], factors[known]
  half = len(z) // 2
  guess = LinearRegression().fit(z[:half], factors[:half]).predict(z[half:])
  numbers["linear_r2"] = estimate.bootstrap(r2_score, factors[half:], guess, resamples=200)
  numbers |= dci(z, factors, seed)
  if z.shape[1] > 1:
    numbers["mig"] = estimate.jackknife(mig, z, factors).within(0, 1)
  return numbers, ()


def dci(z: np.ndarray, factors: np.ndarray, seed: int) -> dict[str, Estimate]:
  """Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018, section 2).

  With R_dk the importance of latent d to a random forest that predicts factor k from half of the images:

    disentanglement: sum_d rho_d (1 - H_K(P_d)), P_dk = R_dk / sum_k R_dk, rho_d = share of d in all of R
    completeness:    mean_k (1 - H_D(P_k)), P_dk = R_dk / sum_d R_dk
    informativeness: R^2 of the forest on the other half, the mean over factors

  H_n is the entropy to the base n. Each is 1 if every latent encodes one factor, and one latent encodes every
  factor fully.
  """
  half = len(z) // 2
  forests = [
    RandomForestRegressor(50, min_samples_leaf=5, random_state=seed, n_jobs=1).fit(z[:half], factor[:half])
    for factor in factors.T
  ]
  matrix = np.stack([forest.feature_importances_ for forest in forests], 1)
  guess = np.stack([forest.predict(z[half:]) for forest in forests], 1)
  return {
    "disentanglement": Estimate(disentanglement(matrix)),
    "completeness": Estimate(completeness(matrix)),
    "informativeness": estimate.bootstrap(r2_score, factors[half:], guess, resamples=200),
  }


def concentration(weights: np.ndarray) -> np.ndarray:
  """1 - H_n of the shares of weights [..., n]: 1 if a single weight is positive, 0 if all are equal."""
  share = weights / np.maximum(weights.sum(-1, keepdims=True), np.finfo(float).tiny)
  entropy = -np.sum(share * np.log(np.where(share > 0, share, 1)), -1)
  return 1 - entropy / np.log(max(weights.shape[-1], 2))


def disentanglement(matrix: np.ndarray) -> float:
  """Whether each latent encodes one factor, by importances [D, K]; see `dci`."""
  return float(matrix.sum(1) / matrix.sum() @ concentration(matrix))


def completeness(matrix: np.ndarray) -> float:
  """Whether one latent encodes each factor, by importances [D, K]; see `dci`."""
  return float(concentration(matrix.T).mean())


def mig(z: np.ndarray, factors: np.ndarray) -> float:
  """Mutual information gap (Chen et al. 2018, arXiv:1802.04942, equation 6): [N, D], [N, K] -> [0, 1].

  For every factor, the largest mutual information with a latent minus the second largest, over the entropy of
  the factor; the mean over factors. Latents and factors are quantised into 20 bins of equal counts.
  """
  latents, gaps = [quantised(column) for column in z.T], []
  for factor in map(quantised, factors.T):
    information = sorted((mutual_info_score(latent, factor) for latent in latents), reverse=True)
    gaps.append((information[0] - information[1]) / mutual_info_score(factor, factor))
  return float(np.mean(gaps))


def quantised(values: np.ndarray) -> np.ndarray:
  """The bin of each value, of BINS bins of equal counts: [N] -> [N]."""
  inner = np.quantile(values, np.arange(1, BINS) / BINS)
  return np.searchsorted(inner, values)
