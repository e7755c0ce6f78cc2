"""Is one latent one fact? Scores of latents against the facts behind their images."""

import math

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score, r2_score

from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import estimate
from gengap.metrics.estimate import Estimate

BINS = 20  # of a latent, and of a fact
LEAST = 100  # images whose facts are known
QUANTITIES = (
  Quantity("valid", "share of images with one blob", high=1),
  Quantity("linear_r2", "R2 of a linear function of the latents", better=Better.HIGH, low=-math.inf, high=1),
  Quantity("disentanglement", "disentanglement", better=Better.HIGH, high=1),
  Quantity("completeness", "completeness", better=Better.HIGH, high=1),
  Quantity("informativeness", "informativeness", better=Better.HIGH, low=-math.inf, high=1),
  Quantity("mig", "mutual information gap", better=Better.HIGH, high=1),
)


def probe(z: np.ndarray, facts: np.ndarray, seed: int) -> tuple[dict[str, Estimate], tuple[str, ...]]:
  """Scores latents [N, D] against facts [N, K], NaN where an image has none.

  Returns: valid, the share of images that have them; linear_r2, the variance of the facts that a linear
    function of the latents explains on other images; see `dci` and `mig`. And what could not be asked.
  """
  known = np.isfinite(facts).all(1)
  numbers = {"valid": estimate.share(known)}
  if known.sum() < LEAST:
    return numbers, (
      f"no disentanglement: {known.sum()} of {len(z)} images show one blob, {LEAST} are needed",
    )
  z, facts = z[known], facts[known]
  half = len(z) // 2
  guess = LinearRegression().fit(z[:half], facts[:half]).predict(z[half:])
  numbers["linear_r2"] = estimate.bootstrap(r2_score, facts[half:], guess, resamples=200)
  numbers |= dci(z, facts, seed)
  if z.shape[1] > 1:
    numbers["mig"] = estimate.jackknife(mig, z, facts).within(0, 1)
  return numbers, ()


def dci(z: np.ndarray, facts: np.ndarray, seed: int) -> dict[str, Estimate]:
  """Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018, section 2).

  With R_dk the importance of latent d to a random forest that predicts fact k from half of the images:

    disentanglement: sum_d rho_d (1 - H_K(P_d)), P_dk = R_dk / sum_k R_dk, rho_d = share of d in all of R
    completeness:    mean_k (1 - H_D(P_k)), P_dk = R_dk / sum_d R_dk
    informativeness: R^2 of the forest on the other half, in the mean over facts

  H_n is the entropy to the base n. Each is 1 where every latent tells one fact, and every fact is told by one
  latent, fully.
  """
  half = len(z) // 2
  forests = [
    RandomForestRegressor(50, min_samples_leaf=5, random_state=seed, n_jobs=1).fit(z[:half], fact[:half])
    for fact in facts.T
  ]
  matrix = np.stack([forest.feature_importances_ for forest in forests], 1)
  guess = np.stack([forest.predict(z[half:]) for forest in forests], 1)
  return {
    "disentanglement": Estimate(disentanglement(matrix)),
    "completeness": Estimate(completeness(matrix)),
    "informativeness": estimate.bootstrap(r2_score, facts[half:], guess, resamples=200),
  }


def certainty(weights: np.ndarray) -> np.ndarray:
  """1 - H_n of the shares of weights [..., n]: 1 where one has it all, 0 where all are alike."""
  share = weights / np.maximum(weights.sum(-1, keepdims=True), np.finfo(float).tiny)
  entropy = -np.sum(share * np.log(np.where(share > 0, share, 1)), -1)
  return 1 - entropy / np.log(max(weights.shape[-1], 2))


def disentanglement(matrix: np.ndarray) -> float:
  """Whether each latent tells one fact, by importances [D, K]; see `dci`."""
  return float(matrix.sum(1) / matrix.sum() @ certainty(matrix))


def completeness(matrix: np.ndarray) -> float:
  """Whether each fact is told by one latent, by importances [D, K]; see `dci`."""
  return float(certainty(matrix.T).mean())


def mig(z: np.ndarray, facts: np.ndarray) -> float:
  """Mutual information gap (Chen et al. 2018, arXiv:1802.04942, equation 6): [N, D], [N, K] -> [0, 1].

  Of every fact, how much more the latent that tells most of it tells than the second best, over the fact's
  entropy; all are cut into 20 bins of equal counts.
  """
  latents, gaps = [quantised(column) for column in z.T], []
  for fact in map(quantised, facts.T):
    told = sorted((mutual_info_score(latent, fact) for latent in latents), reverse=True)
    gaps.append((told[0] - told[1]) / mutual_info_score(fact, fact))
  return float(np.mean(gaps))


def quantised(values: np.ndarray) -> np.ndarray:
  """Which of BINS bins of equal counts each value is in: [N] -> [N]."""
  inner = np.quantile(values, np.arange(1, BINS) / BINS)
  return np.searchsorted(inner, values)
