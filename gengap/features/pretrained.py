"""The published files of weights: where they are found, downloaded from, and how they are checked.

They are looked for in this order: the file of a flag or argument, an environment variable, the default
folder, which is `weights` in gengap's cache ($GENGAP_CACHE, else ~/.cache/gengap).
"""

import contextlib
import http.client
import pathlib
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from gengap.data import cache
from gengap.data.progress import progress
from gengap.errors import InputError
from gengap.features import dinov2, inception, weights
from gengap.storage import paths

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
TIMEOUT = 30  # seconds without an answer
BLOCK = 2**20  # bytes


class Pretrained(NamedTuple):
  """A published file of weights.

  The SHA-256 of DINOv2's files are not published by their authors; independent projects state the same ones,
  among them Refiners (finegrain-ai/refiners).
  """

  network: str  # in words
  url: str
  size: int  # bytes
  sha256: str
  licence: str
  load: Callable[[pathlib.Path], Any]  # refuses files of other networks

  @property
  def file(self) -> str:
    """The official name of the file."""
    return self.url.rpartition("/")[2]

  @property
  def megabytes(self) -> str:
    """The size, for people."""
    return f"{self.size / 1e6:,.0f} MB"


def of_dinov2(name: str, size: int, sha256: str) -> Pretrained:
  """Returns the file of a size of DINOv2."""
  return Pretrained(
    f"DINOv2 {name}",
    f"https://dl.fbaipublicfiles.com/dinov2/dinov2_{name}/dinov2_{name}_pretrain.pth",
    size,
    sha256,
    "Apache 2.0",
    lambda path: dinov2.read(path, name),
  )


PRETRAINED = {
  "inception": Pretrained(
    "FID Inception network",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "Apache 2.0",
    inception.load,
  ),
  "dinov2": of_dinov2(
    "vits14", 88_283_115, "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"
  ),
  "dinov2_vitb14": of_dinov2(
    "vitb14", 346_378_731, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"
  ),
  "dinov2_vitl14": of_dinov2(
    "vitl14", 1_217_586_395, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"
  ),
}


def folder() -> pathlib.Path:
  """Returns the default folder of weights."""
  return cache.root() / "weights"


def variable(name: str) -> str:
  """Returns the environment variable with the path of a network's weights."""
  return f"GENGAP_{name.upper()}"


def find(name: str, given: str | pathlib.Path | None = None) -> str | pathlib.Path | None:
  """Returns the file of a network's weights: given, of its variable, or in the default folder; None if none.

  Raises:
    InputError: the variable holds no local path.
  """
  return given or paths.from_environment(variable(name)) or in_folder(name)


def in_folder(name: str) -> pathlib.Path | None:
  """Returns the file in the default folder with the official name, else with the network's; None if none."""
  names = [PRETRAINED[name].file] if name in PRETRAINED else []
  candidates = [folder() / n for n in (*names, *(f"{name}{suffix}" for suffix in SUFFIXES))]
  return next((path for path in candidates if path.is_file()), None)


def advice(name: str) -> str:
  """Returns how to get the weights that an extractor lacks."""
  flag = "--inception=FILE" if name == "inception" else "--weights=FILE"
  start = f"--features={name} needs the network's weights"
  if name not in PRETRAINED:
    return f"{start}: {flag}, or ${variable(name)}"
  return (
    f"{start}; get them once ({PRETRAINED[name].megabytes}) with: python -m gengap.prepare {name} "
    f"--download; or give {flag} or ${variable(name)}"
  )


def checked(name: str, path: pathlib.Path) -> pathlib.Path:
  """Returns a file after a check that it holds exactly the arrays of a network.

  Raises:
    InputError: it does not.
  """
  PRETRAINED[name].load(path)
  return path


def install(name: str, source: pathlib.Path) -> pathlib.Path:
  """Copies a file of weights, as it is, into the default folder, and returns its path there.

  Raises:
    InputError: it does not hold the network, another file is there, or the folder cannot be written.
  """
  checked(name, source)
  suffix = source.suffix
  target = folder() / (PRETRAINED[name].file if suffix in (".pth", ".pt") else f"{name}{suffix}")
  if (other := in_folder(name)) and other != target:
    raise InputError(f"{other} is there already; delete it first, so that it is clear which file is used")
  if other and other.samefile(source):
    return target
  return placed(target, lambda scratch: shutil.copyfile(source, scratch))


def convert(name: str, source: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
  """Writes the weights of a network to an .npz or .safetensors, and returns its path.

  Raises:
    InputError: the source does not hold the network, or the other file cannot be written.
  """
  if out.suffix not in (".npz", ".safetensors"):
    raise InputError(f"--out={out}: weights are written to .npz or .safetensors")
  checked(name, source)
  state = {k: v for k, v in weights.read(source).items() if not k.endswith("num_batches_tracked")}
  return placed(out, lambda scratch: weights.write(scratch, state))


def prepare(
  name: str, source: pathlib.Path | None = None, out: pathlib.Path | None = None
) -> list[pathlib.Path]:
  """Puts the weights of a network where evaluation finds them, or converts them; returns source and result.

  Args:
    name: of PRETRAINED.
    source: a file of the weights; None: the official one, which is downloaded.
    out: an .npz or .safetensors to write; None: the default folder.

  Raises:
    InputError: a file is wrong, cannot be written, or there is no network.
  """
  if source:
    return [source, convert(name, source, out) if out else install(name, source)]
  if not out:
    return [download(name)]
  with tempfile.TemporaryDirectory() as work:
    return [convert(name, download(name, pathlib.Path(work) / PRETRAINED[name].file), out)]


def placed(target: pathlib.Path, write: Callable[[pathlib.Path], Any]) -> pathlib.Path:
  """Writes a file under a temporary name beside its target, moves it there, and returns the target.

  Raises:
    InputError: it cannot be written; or what `write` raises. Nothing is left then.
  """
  new = not target.parent.exists()
  try:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prepare.", dir=target.parent) as work:
      write(scratch := pathlib.Path(work) / target.name)
      scratch.replace(target)
  except OSError as error:
    raise InputError(f"{target} cannot be written ({error.strerror or error})") from error
  finally:
    if new and not target.exists():
      with contextlib.suppress(OSError):
        target.parent.rmdir()
  return target


def download(name: str, target: pathlib.Path | None = None) -> pathlib.Path:
  """Downloads the official file of a network, and returns its path.

  Args:
    name: of PRETRAINED.
    target: where to write it; None: in the default folder, where the official file is kept if it is there.

  Raises:
    InputError: there is no network, the file is another, or it cannot be written. Nothing is left then.
  """
  about, target = PRETRAINED[name], target or folder() / PRETRAINED[name].file
  if target.is_file() and weights.sha256(target) == about.sha256:
    return target

  def write(scratch: pathlib.Path) -> None:
    fetch(about, scratch)
    verify(name, scratch)

  return placed(target, write)


def fetch(about: Pretrained, path: pathlib.Path) -> None:
  """Downloads a file, with a progress bar.

  Raises:
    InputError: there is not enough space, or no network. The error says how to do without.
  """
  if (free := shutil.disk_usage(path.parent).free) < about.size:
    raise InputError(f"{about.file} needs {about.megabytes}, and {path.parent} has {free / 1e6:,.0f} MB free")
  try:
    with (
      urllib.request.urlopen(about.url, timeout=TIMEOUT) as source,
      path.open("wb") as file,
      progress(f"downloading {about.file}", about.size) as bar,
    ):
      while block := source.read(BLOCK):
        file.write(block)
        bar.update(len(block))
  except (OSError, ValueError, http.client.HTTPException) as error:
    reason = " ".join(str(getattr(error, "reason", error)).split())[:200]
    raise InputError(
      f"{about.url} ({about.megabytes}) could not be downloaded: {reason}; get it otherwise, and put it at "
      f"{folder() / about.file}, or name it by --weights=FILE"
    ) from error


def verify(name: str, path: pathlib.Path) -> None:
  """Checks that a downloaded file is the official one, and holds the network.

  Raises:
    InputError: it is another file.
  """
  about, digest = PRETRAINED[name], weights.sha256(path)
  if digest != about.sha256:
    what = paths.kind(path)
    raise InputError(
      f"{about.url} gave another file, of {path.stat().st_size} bytes and SHA-256 {digest}; it should be "
      f"{about.size} bytes and {about.sha256}{f'; it is {what}' if what else ''}"
    )
  checked(name, path)
