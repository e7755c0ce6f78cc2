"""The figure of codes of test images."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from gengap.probes.figures import layout
from gengap.probes.figures import names as text
from gengap.probes.latents import Measurements
from gengap.probes.types import Array, Options, Scores


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws the codes by class, by t-SNE and by two principal components, and the moments of every latent."""
  del scores
  z, sampled = measurements.code, measurements.sampled
  planes = [plane(z, options.seed)]
  if z.shape[1] > 2 and np.ptp(z, 0).any():
    planes.append((PCA(2).fit_transform(z), "principal components"))
  sheet, (*scatters, moments) = layout.plots(len(planes) + 1, "codes of test images: a point for each image")
  names = text.distinct(measurements.classes, 24)
  for axis, (points, title) in zip(scatters, planes, strict=True):
    for c, name in enumerate(names):
      of_class, (colour, marker) = points[measurements.label == c], text.colour_and_marker(c)
      axis.scatter(*of_class.T, s=4, color=colour, marker=marker, label=name, linewidths=0)
    axis.set_title(title, fontsize=8)
  if len(names) > 1:
    text.legend_below(sheet, scatters[0], names)
  order = np.argsort(-sampled.std(0))
  lines = {"mean": sampled.mean(0)[order], "standard deviation": sampled.std(0)[order]}
  x = np.arange(sampled.shape[1])
  layout.curves(moments, x, lines, "latents, by standard deviation", "mean and standard deviation of codes")
  for level in (0, 1):
    moments.axhline(level, color="grey", linewidth=0.5)
  moments.set_title("grey lines: those of the prior, 0 and 1", fontsize=8)
  return sheet


def plane(z: Array, seed: int) -> tuple[Array, str]:
  """Returns codes [N, D] in two dimensions and a title: as they are, or by t-SNE (van der Maaten 2008)."""
  if z.shape[1] == 2:
    return z, "the latents"
  if z.shape[1] == 1:
    return np.column_stack([z[:, 0], np.random.default_rng(seed).uniform(size=len(z))]), "the latent, spread"
  if not np.ptp(z, 0).any():
    return np.zeros((len(z), 2)), "all codes are one"
  few = PCA(min(50, *z.shape), random_state=seed).fit_transform(z)
  perplexity = min(30, (len(z) - 1) / 3)
  return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(few), "t-SNE"
