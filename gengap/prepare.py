"""Gets what runs need from elsewhere: data sets, and the weights of the Inception network.

  python -m gengap.prepare DATASET --raw_dir=DIR --data_dir=DIR      from the files as published
  python -m gengap.prepare DATASET --download --data_dir=DIR         with TFDS's own downloader
  python -m gengap.prepare inception --weights=FILE.pth --out=FILE   from the file that PyTorch's users have
  python -m gengap.prepare inception --download --out=FILE           which is downloaded first

A data set is written in the layout that TensorFlow Datasets reads, without TensorFlow. raw_dir holds MNIST's
IDX files, CIFAR-10's binary files, CUB-200-2011 as unpacked, or folders of images: train/CLASS/* and
test/CLASS/*, or CLASS/*, of which a tenth then is for testing. Weights are written as .npz or .safetensors.
"""

import contextlib
import os
import pathlib
import re
import tempfile
import urllib.request

from absl import flags

from gengap import cli, paths
from gengap.data import blobs
from gengap.data.folders import read_cub, read_folders
from gengap.data.raw import Raw, read_cifar10, read_mnist
from gengap.data.tfds import ALIASES, default_dir, progress
from gengap.errors import InputError, suggest
from gengap.metrics import inception, weights

FLAGS = cli.flags()
RAW_DIR = cli.define_path("raw_dir", "Folder of the data set's files as published.", FLAGS)
DATA_DIR = cli.define_path("data_dir", "Of TFDS; $TFDS_DATA_DIR, else TFDS's own default.", FLAGS)
DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Download the data set (TFDS does), or the weights.", flag_values=FLAGS
)
WEIGHTS = cli.define_path("weights", "File of the Inception network: .pth, .npz or .safetensors.", FLAGS)
OUT = cli.define_path("out", "File to write its weights to: .npz or .safetensors.", FLAGS)

OFFICIAL = "pt_inception-2015-12-05-6726825d.pth"  # its SHA-256 begins with what its name ends with
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{OFFICIAL}"
VERSIONS = {"mnist": "3.0.1", "fashion_mnist": "3.0.1", "cifar10": "3.0.2"}  # that TFDS looks for


def prepare(name: str, raw_dir: pathlib.Path, data_dir: pathlib.Path) -> pathlib.Path:
  """Writes raw files as data_dir/NAME/VERSION and returns that folder.

  It is written under a temporary name and moved when complete.

  Raises:
    InputError: the name or a file is wrong, or the data set is there already.
  """
  name = ALIASES.get(name, name)
  if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
    raise InputError(f"dataset {name!r}: TFDS allows small letters, digits and _, starting with a letter")
  if name in blobs.COUNT:
    raise InputError(f"dataset {name!r} is made on the spot and needs no files; choose another name")
  version = VERSIONS.get(name, "1.0.0")
  target = data_dir / name / version
  if target.exists():
    raise InputError(f"{target} is there already; delete it to write it again, or name another data_dir")
  data = open_files(name, raw_dir)
  try:
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prepare.", dir=data_dir) as work:
      _write(name, version, data, pathlib.Path(work))
      target.parent.mkdir(exist_ok=True)
      (pathlib.Path(work) / name / version).rename(target)
  except OSError as error:
    raise InputError(f"data_dir {data_dir} cannot be written ({error}); name another") from error
  return target


def open_files(name: str, folder: pathlib.Path) -> Raw:
  """Opens the raw files of a data set; their kind shows in their names.

  Args:
    name: of the data set; some names say what the classes are called.
    folder: holds either {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz], or data_batch_*.bin and
      test_batch.bin, or the CUB-200-2011 lists beside images/, or train/CLASS/* and test/CLASS/*, or CLASS/*.

  Raises:
    InputError: names the file that is missing or wrong.
  """
  if not folder.is_dir():
    raise InputError(f"raw_dir {folder} is no folder; name the one that holds the files of {name}")
  if any(folder.glob("*idx3*")):
    return read_mnist(name, folder)
  if any(folder.glob("*_batch*.bin")):
    return read_cifar10(name, folder)
  if (folder / "train_test_split.txt").exists():
    return read_cub(folder)
  if any(path.is_dir() for path in folder.iterdir()):
    return read_folders(folder)
  raise InputError(
    f"raw_dir {folder} holds none of: IDX files (train-images-idx3-ubyte.gz, ...), CIFAR-10 binary files "
    "(data_batch_1.bin, ...), CUB-200-2011, folders of images (train/CLASS/*.png or CLASS/*.png)"
  )


def _write(name: str, version: str, data: Raw, folder: pathlib.Path) -> None:
  """Writes a data set with TFDS's own writer, which shuffles it the same way every time."""
  import tensorflow_datasets as tfds

  total = sum(len(split.label) for split in data.splits.values())
  bar = progress(f"writing {name}", total)

  class Writer(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version(version)
    code_path = None  # TFDS would look for a list of downloads beside it

    def _info(self) -> tfds.core.DatasetInfo:
      image = tfds.features.Image(shape=data.shape)
      label = tfds.features.ClassLabel(names=data.classes)
      features = tfds.features.FeaturesDict({"image": image, "label": label})
      return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("image", "label"))

    def _split_generators(self, _):
      return {split: self._generate_examples(split) for split in data.splits}

    def _generate_examples(self, split):
      for i, label in enumerate(data.splits[split].label):
        yield i, {"image": data.splits[split].encoded(i), "label": label}
        bar.update()

  Writer.name = name
  tfds.disable_progress_bar()
  with bar, open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
    Writer(data_dir=folder, file_format="array_record").download_and_prepare()


def download(name: str, data_dir: pathlib.Path) -> pathlib.Path:
  """Has TFDS download and write a data set, and returns its folder.

  Raises:
    InputError: TFDS does not know it, or cannot get or write it.
  """
  import tensorflow_datasets as tfds

  name = ALIASES.get(name, name)
  if name.partition("/")[0] not in (allowed := tfds.list_builders(with_community_datasets=False)):
    near = suggest(name, ["inception", *allowed])
    raise InputError(f"dataset {name!r} is none that TFDS can download{near}")
  try:
    builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
  except Exception as error:  # of the network, the disk, the data set's own code
    raise InputError(
      f"dataset {name!r} could not be downloaded: {cli.one_line(error)[:200]}; get its files by other means "
      "and give their folder as --raw_dir"
    ) from error
  return pathlib.Path(builder.data_dir)


def convert(source: pathlib.Path, out: pathlib.Path) -> None:
  """Checks that a file holds the FID Inception network, and writes its weights to another.

  Raises:
    InputError: it does not, or the other file cannot be written.
  """
  if out.suffix not in (".npz", ".safetensors"):
    raise InputError(f"--out={out}: weights are written to .npz or .safetensors")
  inception.load(source)
  state = {k: v for k, v in weights.read(source).items() if not k.endswith("num_batches_tracked")}
  try:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prepare.", dir=out.parent) as work:
      weights.write(scratch := pathlib.Path(work) / out.name, state)
      scratch.replace(out)
  except OSError as error:
    raise InputError(f"--out={out} cannot be written ({error})") from error
  for path in (source, out):
    print(f"{weights.sha256(path)}  {path}")


def download_weights(folder: pathlib.Path) -> pathlib.Path:
  """Downloads the official file into a folder.

  Raises:
    InputError: there is no network, or what came is another file.
  """
  path = folder / OFFICIAL
  try:
    urllib.request.urlretrieve(URL, path)
  except OSError as error:
    raise InputError(
      f"{URL} could not be downloaded: {cli.one_line(error)[:200]}; get it otherwise, then --weights=FILE"
    ) from error
  digest, wanted = weights.sha256(path), path.stem.rpartition("-")[2]
  if not digest.startswith(wanted):
    raise InputError(
      f"{URL} has the SHA-256 {digest}, which does not begin with {wanted}; it is another file"
    )
  return path


def prepare_inception() -> None:
  """Runs the command line for the weights of the Inception network."""
  if bool(WEIGHTS.value) == DOWNLOAD.value:
    raise InputError("give either --weights (the file of the Inception network) or --download")
  if not OUT.value:
    raise InputError("--out is missing: the file to write, .npz or .safetensors")
  out = pathlib.Path(OUT.value)
  paths.check_writable(out.parent, "--out")
  if WEIGHTS.value:
    return convert(pathlib.Path(WEIGHTS.value), out)
  with tempfile.TemporaryDirectory() as work:
    return convert(download_weights(pathlib.Path(work)), out)


def main(argv: list[str]) -> None:
  """Runs the command line."""
  if argv == ["inception"]:
    return prepare_inception()
  if len(argv) != 1:
    raise InputError(f"give the name of one data set, such as fashion_mnist; {len(argv)} are given")
  data_dir = pathlib.Path(DATA_DIR.value or default_dir())
  if bool(RAW_DIR.value) == DOWNLOAD.value:
    raise InputError("give either --raw_dir (the folder of the data set's files) or --download")
  paths.check_writable(data_dir, "--data_dir")
  if RAW_DIR.value:
    return print(prepare(argv[0], pathlib.Path(RAW_DIR.value), data_dir))
  return print(download(argv[0], data_dir))


if __name__ == "__main__":
  cli.run(main, FLAGS)
