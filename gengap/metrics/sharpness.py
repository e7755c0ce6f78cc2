"""How sharp images are."""

import numpy as np
from scipy import ndimage

LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


def sharpness(images: np.ndarray) -> np.ndarray:
  """Variance of the Laplacian of every image's mean channel: [N, H, W, C] in [-1, 1] -> [N].

  Pech-Pacheco et al. (2000, "Diatom autofocusing in brightfield microscopy"). Of pixels in [0, 1], and of
  those alone whose neighbours are all in the image. Compare it with that of real images, not with other data.
  """
  grey = (np.asarray(images, np.float32).mean(-1) + 1) / 2
  response = ndimage.convolve(grey, LAPLACIAN[None])[:, 1:-1, 1:-1]
  return response.reshape(len(grey), -1).var(-1)
