"""Measures images of Gaussian blobs: number, size and roundness of the blobs, and streaks.

The image is taken in shares of full intensity and smoothed with a Gaussian of size / 32 pixels. Its base is
the lower quartile, and is also what lies outside of the image. Then

- matter is where the image exceeds its base by 0.25; its connected pieces (8 neighbours) are components;
- a blob is a local maximum within matter that stands at least 0.1 above the saddle to any higher one (its
  prominence: the h-maxima transform, Soille, Morphological Image Analysis, 2003), so noise makes none and
  unresolved blobs are one;
- a blob's body are the pixels of its component nearer to it than to other maxima and above half its height;
- a streak is a body whose axes (second moments) have a ratio below 1/3. Half a blob at the border has more
  than 1/2. Streaks that cross look round and are not found;
- radius and roundness are those of blobs that can be judged: alone in their component, not touching the
  border.

Two blobs of sigma 2 on 32 pixels count as two when their centres are 2.9 sigma apart. Ten random ones
overlap so that 6.5 are counted on average and one image in a hundred seems to show a streak: compare
samples with these numbers, not with 10 and 0.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.stats import kstest

from gengap.errors import InputError

MATTER = 0.25
PROMINENCE = 0.1
STREAK = 1 / 3
FEW = 20  # centres that say nothing of their distribution
BLOCK = 256  # images at once


def count(images: np.ndarray) -> np.ndarray:
  """Counts the blobs of every image: [N] int. See `describe`."""
  return describe(images)["count"]


def streaks(images: np.ndarray) -> np.ndarray:
  """Finds the images that show a streak: [N] bool. See `describe`."""
  return describe(images)["streak"]


def describe(images: np.ndarray) -> dict[str, np.ndarray]:
  """Measures every image.

  Args:
    images: [N, H, W] or [N, H, W, C], uint8 or float in [-1, 1]; channels are averaged.

  Returns: count [N] int; radius [N], the mean sigma in pixels, and roundness [N], the mean ratio of axes in
    (0, 1], both NaN where no blob can be judged; streak [N] bool; background [N], the median outside of
    matter in shares of full intensity; intensity [N], the mean height of summits above the base, NaN without
    blobs; centre [N, 2], row and column of the only blob's summit in shares of the side, else NaN.

  Raises:
    InputError: not images, none at all, or not finite.
  """
  images = np.asarray(images)
  if images.ndim not in (3, 4) or not images.size:
    raise InputError(
      f"images have the shape {images.shape}; it must be [N, H, W] or [N, H, W, C] with N >= 1"
    )
  parts = [_describe(_intensity(images[i : i + BLOCK])) for i in range(0, len(images), BLOCK)]
  return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def summary(seen: Mapping[str, np.ndarray]) -> dict[str, float]:
  """Summarises the result of `describe` for a set of images.

  Returns: blobs, the mean count, with blobs_std; one_blob, the share of images that show exactly one and no
    streak; streaks, the share that shows one; radius (pixels) and radius_std, roundness, background and
    intensity, means over images; centre_ks, the distance of Kolmogorov and Smirnov between centres and the
    uniform distribution, the larger of rows and columns; NaN of fewer than FEW centres. Real blobs have
    some too: summits are whole pixels.
  """
  alone = seen["centre"][~np.isnan(seen["centre"][:, 0])]
  far = [kstest(axis, "uniform").statistic for axis in alone.T] if len(alone) >= FEW else [math.nan]

  def mean(name: str, of: Callable[..., Any] = np.mean) -> float:
    values = seen[name][~np.isnan(seen[name])]
    return float(of(values)) if len(values) else math.nan

  return {
    "blobs": mean("count"),
    "blobs_std": mean("count", np.std),
    "one_blob": float(np.mean((seen["count"] == 1) & ~seen["streak"])),
    "streaks": mean("streak"),
    "radius": mean("radius"),
    "radius_std": mean("radius", np.std),
    "roundness": mean("roundness"),
    "background": mean("background"),
    "intensity": mean("intensity"),
    "centre_ks": float(max(far)),
  }


def _intensity(images: np.ndarray) -> np.ndarray:
  """Returns shares of full intensity: [N, H, W] float32."""
  scaled = images / np.float32(255) if images.dtype == np.uint8 else (np.float32(images) + 1) / 2
  if not np.isfinite(scaled).all():
    raise InputError("images hold values that are not finite; blobs cannot be measured")
  return scaled if scaled.ndim == 3 else scaled.mean(-1)


def _describe(image: np.ndarray) -> dict[str, np.ndarray]:
  """Measures a block of images [N, H, W]."""
  n, scale = len(image), image.shape[1] / 32
  blurred = ndimage.gaussian_filter(image, (0, scale, scale), mode="nearest")
  base = np.quantile(blurred, 0.25, axis=(1, 2), keepdims=True).astype(np.float32)
  smooth = ndimage.gaussian_filter(image - base, (0, scale, scale), mode="constant")
  matter = smooth > MATTER
  at = _summits(smooth, matter)
  owner = at[:, 0]
  component = _label(matter)
  ratio, sigma, whole = _bodies(smooth, component, at)
  home = component[tuple(at.T)]
  judged = whole & (np.bincount(home)[home] == 1)
  count = np.bincount(owner, minlength=n)
  alone = count[owner] == 1
  centre = np.full((n, 2), np.nan)
  centre[owner[alone]] = (at[alone, 1:] + 0.5) / image.shape[1:]

  def mean(value: np.ndarray, of: np.ndarray) -> np.ndarray:
    number = np.bincount(owner[of], minlength=n)
    total = np.bincount(owner[of], value[of], n)
    return np.divide(total, number, out=np.full(n, np.nan), where=number > 0)

  return {
    "count": count,
    "centre": centre,
    "intensity": mean((image - base)[tuple(at.T)], np.ones(len(at), bool)),
    "radius": mean(np.sqrt(np.maximum(sigma**2 - scale**2, 0)), judged),
    "roundness": mean(ratio, judged),
    "streak": np.bincount(owner, ratio < STREAK, n) > 0,
    "background": np.array([np.median(pixels[~mask]) for pixels, mask in zip(image, matter, strict=True)]),
  }


def _label(mask: np.ndarray) -> np.ndarray:
  """Numbers the connected pieces of every image, 8 neighbours, from 1 over all images: [N, H, W]."""
  plane = np.zeros((3, 3, 3), bool)
  plane[1] = True
  numbers, _ = ndimage.label(mask, plane)  # pyright: ignore
  return numbers


def _summits(image: np.ndarray, matter: np.ndarray) -> np.ndarray:
  """Finds the maxima within matter that have enough prominence: [K, (image, y, x)], in the order of images.

  The image lowered by the prominence is spread under the image until nothing changes. Only under a prominent
  top does it stay that much lower, and it is level over a top and all lesser ones beside it.
  """
  lowered = spread = image - np.float32(PROMINENCE)
  while True:
    highest = ndimage.maximum_filter(spread, (1, 3, 3))
    wider = np.minimum(highest, image)
    if np.array_equal(wider, spread):
      break
    spread = wider
  plain = _label(matter & (spread == highest))
  top = (spread == lowered) & (plain > 0)
  pixel = np.argwhere(top)
  order = np.lexsort((-image[top], plain[top]))
  return pixel[order][np.unique(plain[top][order], return_index=True)[1]]


def _bodies(
  smooth: np.ndarray, component: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Measures the bodies of blobs whose summits lie at [K, (image, y, x)].

  Returns: Ratio of axes [K], sigma [K] in pixels, as a Gaussian's whose half-height area is the body's, 2 pi
    ln 2 sigma^2; and which ones keep clear of the border [K] bool.
  """
  k, size = len(at), np.array(smooth.shape[1:])
  pixel = np.argwhere(component > 0)  # [P, 3]
  number = np.bincount(at[:, 0], minlength=len(smooth))
  rank = np.arange(k) - (np.cumsum(number) - number)[at[:, 0]]
  table = np.full((len(smooth), max(number.max(), 1)), -1)  # image -> its blobs
  table[at[:, 0], rank] = np.arange(k)
  rivals = table[pixel[:, 0]]  # [P, R]
  far = np.sum((at[rivals, 1:] - pixel[:, None, 1:]) ** 2, -1).astype(float)
  same = component[tuple(at[rivals].transpose(2, 0, 1))] == component[tuple(pixel.T)][:, None]
  far[(rivals < 0) | ~same] = np.inf
  nearest = np.take_along_axis(rivals, far.argmin(1)[:, None], 1)[:, 0]
  body = (smooth[tuple(pixel.T)] > smooth[tuple(at.T)][nearest] / 2) & np.isfinite(far.min(1))
  nearest, (y, x) = nearest[body], pixel[body, 1:].T.astype(float)
  area = np.bincount(nearest, minlength=k)

  def mean(value: np.ndarray) -> np.ndarray:
    return np.bincount(nearest, value, k) / area

  yy, xx, xy = (
    mean(y * y) - mean(y) ** 2,
    mean(x * x) - mean(x) ** 2,
    mean(x * y) - mean(x) * mean(y),
  )
  half = np.hypot((xx - yy) / 2, xy)
  middle = (xx + yy) / 2 + 1 / 12  # a pixel has an extent of its own
  edge = np.any((pixel[body, 1:] == 0) | (pixel[body, 1:] == size - 1), 1)
  whole = np.bincount(nearest, edge, k) == 0
  return np.sqrt((middle - half) / (middle + half)), np.sqrt(area / (2 * np.pi * np.log(2))), whole
