"""Sharpness of images."""

import numpy as np
from scipy import ndimage

from gengap.errors import InputError

LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


def sharpness(images: np.ndarray) -> np.ndarray:
  """Variance of the Laplacian of every image's mean channel: [N, H, W, C], uint8 or in [-1, 1] -> [N].

  Pech-Pacheco et al. (2000, "Diatom autofocusing in brightfield microscopy"). Of pixels in [0, 1], and of
  those alone whose neighbours are all in the image. Compare it with that of real images, not with other data.

  Raises:
    InputError: no images of at least 3 by 3 pixels, or pixels that are not finite.
  """
  images = np.asarray(images)
  if images.ndim != 4 or not images.size or min(images.shape[1:3]) < 3:
    raise InputError(
      f"images have shape {images.shape}; sharpness needs [N, H, W, C], of 3 by 3 pixels at least"
    )
  if not np.isfinite(images).all():
    raise InputError("images hold values that are not finite; their sharpness is not known")
  mean = images.mean(-1, dtype=np.float32)
  grey = mean / 255 if images.dtype == np.uint8 else (mean + 1) / 2
  response = ndimage.convolve(grey, LAPLACIAN[None])[:, 1:-1, 1:-1]
  return response.reshape(len(grey), -1).var(-1)
