"""The latent explorer: images of two models over the same plane of latents, among which a reader moves."""

import json
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from gengap import run as runs
from gengap.data.pixels import tile
from gengap.errors import InputError, one_line
from gengap.logs.log import say
from gengap.method import Array
from gengap.report import grids, webp
from gengap.report.groups import Comparison, Group
from gengap.report.json_files import read_object, refuse_malformed
from gengap.report.record import Record
from gengap.report.selection import best_pair
from gengap.report.views import equal_updates
from gengap.report.wording import joined
from gengap.run import Run

EDGE = 9  # codes along a direction
REACH = 1.2  # of the plane from the origin, times the root of the number of latents
SEED = 0  # of the directions
LARGEST_SIDE = 64  # pixels of an image
MOST_BYTES = 60_000  # of the images of a method


class Plane(NamedTuple):
  """The images of a method over a plane of latents."""

  method: str
  family: str
  seed: int
  step: int
  latents: int
  label: str  # the class of all images; "" for a method that ignores classes
  stored: str  # path beside a page, without a suffix
  picture: bytes  # WebP: EDGE rows of EDGE images; the second coordinate falls from row to row

  @property
  def details(self) -> dict[str, int | str]:
    """What is stored beside the picture."""
    return {"step": self.step, "latents": self.latents, "label": self.label}

  @property
  def files(self) -> dict[str, bytes]:
    """The files beside a page: path -> content."""
    return {f"{self.stored}.webp": self.picture, f"{self.stored}.json": json.dumps(self.details).encode()}


def directions(latents: int) -> np.ndarray:
  """Returns two orthonormal directions [latents, 2], the same for all models with as many latents."""
  found, triangle = np.linalg.qr(np.random.default_rng(SEED).standard_normal((latents, 2)))
  return found * np.sign(np.diag(triangle))  # the sign is LAPACK's choice


def codes(latents: int) -> np.ndarray:
  """Returns latents [EDGE * EDGE, latents] float32 on a plane through the origin, row by row.

  Coordinates are in units of the root of the number of latents, about the norm of a draw of N(0, I).
  """
  along = np.linspace(-REACH, REACH, EDGE) * math.sqrt(latents)
  x, y = np.meshgrid(along, along[::-1])
  return (np.stack([x.ravel(), y.ravel()], 1) @ directions(latents).T).astype(np.float32)


def planes(comparison: Comparison) -> tuple[list[Plane], list[str]]:
  """Returns the planes of the best VAE and the best GAN, or of the only method, and why one is missing."""
  groups = best_pair(comparison) or comparison.by_default.groups[:1]
  step = equal_updates(comparison.groups)
  found = {group.name: plane_of(comparison.title, group, step) for group in groups}
  missing = [group for group in groups if not found[group.name]]
  without = {
    "there are images of it alone": [group.name for group in missing if not group.trained],
    "no checkpoint with at least two latents was found": [group.name for group in missing if group.trained],
  }
  reasons = [
    f"There is no latent explorer of {joined(names)}: {why}." for why, names in without.items() if names
  ]
  return [plane for plane in found.values() if plane], reasons


def plane_of(title: str, group: Group, step: int) -> Plane | None:
  """Returns the plane of a method's first run that has one: stored beside a scores.json, or generated."""
  for seed, record in sorted(group.records.items()):
    empty = Plane(
      group.name, group.family.name, seed, 0, 0, "", f"{grids.folder(title, group.name, seed)}/explorer", b""
    )
    try:
      plane = stored(record, empty) or generated(record, empty, step)
    except (InputError, OSError, ValueError, RuntimeError) as error:  # the page goes on without it
      say(f"no latent explorer of {record.workdir}: {one_line(error)}")
      continue
    if plane:
      return plane
  return None


def stored(record: Record, empty: Plane) -> Plane | None:
  """Returns the plane that an earlier page stored; None: there is none.

  Raises:
    InputError: its description is damaged.
    OSError: its picture is missing or none.
  """
  if not record.samples or not (path := record.samples / "explorer.json").exists():
    return None
  found = read_object(path)
  data = path.with_suffix(".webp").read_bytes()
  webp.size(data)
  with refuse_malformed(path):
    step, latents = int(found["step"]), int(found["latents"])
    return empty._replace(step=step, latents=latents, label=str(found["label"]), picture=data)


def generated(record: Record, empty: Plane, step: int) -> Plane | None:
  """Returns the plane of the last checkpoint up to equal updates, else of the last one; None: there is none.

  Raises:
    InputError: the checkpoint is damaged.
  """
  if not record.has_folder or not (record.workdir / "checkpoints").is_dir():
    return None
  steps = runs.steps(record.workdir)
  run = runs.load(record.workdir, grids.last_up_to(steps, step))
  if not run.method.generate or run.method.latent_dim < 2:
    return None
  label = "class 0" if run.method.conditional else ""
  return empty._replace(step=run.step, latents=run.method.latent_dim, label=label, picture=picture(run))


def picture(run: Run) -> bytes:
  """Returns the images of a model over the plane as one WebP file.

  Raises:
    InputError: they are not finite.
  """
  images = np.asarray(smaller(run.generate(jnp.asarray(codes(run.method.latent_dim)))))
  if not np.isfinite(images).all():
    raise InputError(f"images of step {run.step} are not finite")
  image = Image.fromarray(tile(images, margin=0, columns=EDGE))
  return webp.within(image, MOST_BYTES)


def smaller(images: Array) -> Array:
  """Returns images [n, H, W, C] with sides of at most LARGEST_SIDE."""
  n, height, _, channels = images.shape
  if height <= LARGEST_SIDE:
    return images
  return jax.image.resize(images, (n, LARGEST_SIDE, LARGEST_SIDE, channels), "lanczos3").clip(-1, 1)
