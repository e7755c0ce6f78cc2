"""Prepares data sets, and the weights of the networks that features are from.

  python -m gengap.prepare DATASET --raw_dir=DIR --data_dir=DIR      from the published files
  python -m gengap.prepare DATASET --download --data_dir=DIR         with the downloader of TFDS
  python -m gengap.prepare DATASET --data_dir=DIR                    shows a data set that is there already
  python -m gengap.prepare NETWORK --download [--out=FILE]           the published file of weights
  python -m gengap.prepare NETWORK --weights=FILE [--out=FILE]       a file that is there already

A data set is written in the layout of TensorFlow Datasets, without TensorFlow. DIR of --raw_dir contains one
of the following, directly, in a folder, or in .zip or .tar archives:

  SPLIT/CLASS/*, CLASS/*, SPLIT/*, or *    images: PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF, JPEG 2000, PPM
  train-images-idx3-ubyte[.gz], ...        MNIST, Fashion-MNIST
  data_batch_1 or data_batch_1.bin, ...    CIFAR-10; train, test, meta or train.bin, ...: CIFAR-100
  images.txt, train_test_split.txt, ...    CUB-200-2011
  wnids.txt, train/, val/                  Tiny ImageNet
  list_eval_partition.txt, ...             CelebA (--label=ATTRIBUTE for two classes)
  *.parquet                                tables of Hugging Face's datasets (--label=COLUMN)
  *.tar of NAME.png and NAME.cls, ...      WebDataset shards
  *.npz                                    x_train, y_train, ... (Keras), train_images, ... (MedMNIST)

SPLIT is train, val (valid, validation, dev) or test, in any letter case. Without a test and a validation
split, a tenth of every class is held out for testing. Classes are the sorted names of the folders, with
numbers sorted by value (2 before 10). Their labels are 0, 1, ... in this order and are printed. Images are
stored as a viewer shows them: turned by their EXIF orientation, transparent pixels on white, the first of
several frames, the 8 highest of 16 bits. They have three channels if any pixel of the data set has colour,
else one. Colour profiles are ignored. Damaged files and files with 32-bit or floating-point pixels are
refused, and named together; --skip_bad leaves them out. Other files are left out. The command prints what it
reads and leaves out before it writes anything. Beside the data set it writes contact_sheet.png, which shows a
few images of every class.

NETWORK is inception, dinov2 (ViT-S/14), dinov2_vitb14 or dinov2_vitl14. Every file is checked: by SHA-256 if
it is downloaded, and by the names, shapes and values of its arrays. It is put into the folder weights of
gengap's cache ($GENGAP_CACHE, else ~/.cache/gengap), where evaluation finds it; --out writes an .npz or
.safetensors elsewhere instead.
"""

import contextlib
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
from absl import flags

from gengap.command_line import cli
from gengap.data import FILELESS, cache, contact_sheet, prepared
from gengap.data.layouts import open_raw
from gengap.data.progress import progress
from gengap.data.raw import Raw, shown
from gengap.data.splits import SPLITS
from gengap.data.tfds import ALIASES, default_dir, find
from gengap.errors import InputError, one_line, suggest
from gengap.features import pretrained, weights
from gengap.storage import paths

FLAGS = cli.flags()
RAW_DIR = cli.define_path(
  "raw_dir", "Folder of the data set's files, or one .npz, .parquet, .zip or .tar file.", FLAGS
)
DATA_DIR = cli.define_path(
  "data_dir", "Folder of TFDS data sets; by default $TFDS_DATA_DIR, else the default of TFDS.", FLAGS
)
SKIP_BAD = flags.DEFINE_bool(
  "skip_bad", False, "Leave out image files that cannot be read, and list them.", flag_values=FLAGS
)
LABEL = flags.DEFINE_string(
  "label",
  "",
  "Which of several labels: fine or coarse of CIFAR-100, an attribute of CelebA, a column of a table.",
  flag_values=FLAGS,
)
DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Download the data set (TFDS does), or the weights.", flag_values=FLAGS
)
WEIGHTS = cli.define_path("weights", "File of the network: .pth, .npz or .safetensors.", FLAGS)
OUT = cli.define_path(
  "out", "File to write the weights to: .npz or .safetensors; by default they are found without it.", FLAGS
)

VERSIONS = {  # of the data sets in TFDS
  "mnist": "3.0.1",
  "fashion_mnist": "3.0.1",
  "cifar10": "3.0.2",
  "cifar100": "3.0.2",
}
CLASSES_SHOWN = 100
EXAMPLES = 3  # of files that are left out for one reason


def prepare(
  name: str, raw_dir: pathlib.Path, data_dir: pathlib.Path, skip_bad: bool = False, label: str = ""
) -> pathlib.Path:
  """Writes raw files to data_dir/NAME/VERSION, returns that folder, and prints its content on stderr.

  All files are read before anything is written. The data set is written under a temporary name and renamed
  when it is complete.

  Raises:
    InputError: the name or a file is wrong, or the data set is there already.
  """
  name = ALIASES.get(name, name)
  if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
    raise InputError(f"dataset {name!r}: TFDS allows small letters, digits and _, starting with a letter")
  if name in FILELESS:
    raise InputError(f"dataset {name!r} needs no files; train on it, or choose another name")
  version = VERSIONS.get(name, "1.0.0")
  target = data_dir / name / version
  if target.exists():
    raise InputError(f"{target} is there already; delete it to write it again, or name another data_dir")
  with contextlib.ExitStack() as stack:

    def room() -> pathlib.Path:
      """Returns a new empty folder in data_dir, which is removed at the end."""
      data_dir.mkdir(parents=True, exist_ok=True)
      return pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".prepare.", dir=data_dir)))

    data = open_raw(name, raw_dir, skip_bad, label, room)
    print(*describe(name, data), sep="\n", file=sys.stderr)
    try:
      work = room()
      _write(name, version, data, work)
      target.parent.mkdir(exist_ok=True)
      (work / name / version).rename(target)
      sheet = contact_sheet.write(name, data, target.parent)
    except OSError as error:
      raise InputError(f"data_dir {data_dir} cannot be written ({error}); name another") from error
  print(f"contact sheet: {sheet}", file=sys.stderr)
  return target


def describe(name: str, data: Raw) -> Iterator[str]:
  """Yields the lines to print of a data set: images of each split and class, notes, and what is left out."""
  count = {
    s: np.bincount(data.splits[s].label, minlength=len(data.classes)) for s in SPLITS if s in data.splits
  }
  total = ", ".join(f"{split} {number.sum()}" for split, number in count.items())
  kind = "grayscale" if data.shape[-1] == 1 else "colour"
  yield f"{name}: images: {total}; {kind}; classes: {len(data.classes)}"
  yield f"{'label':>7}  {'  '.join(f'{split:>10}' for split in count)}  class"
  for i, label in enumerate(data.classes[:CLASSES_SHOWN]):
    yield f"{i:>7}  {'  '.join(f'{number[i]:>10}' for number in count.values())}  {label}"
  if len(data.classes) > CLASSES_SHOWN:
    yield f"    ...  all {len(data.classes)} stand in label.labels.txt of the data set, from 0 on, one a line"
  yield from data.notes
  if data.left_out:
    yield f"{'files':>7}  left out"
  for reason, files in data.left_out.items():
    some = ", ".join(shown(str(file)) for file in files[:EXAMPLES]) + ", ..." * (len(files) > EXAMPLES)
    yield f"{len(files):>7}  {reason}: {some}"


def show(name: str, data_dir: pathlib.Path) -> pathlib.Path:
  """Prints the content of a data set that is there already on stderr; returns the path of a contact sheet.

  Raises:
    InputError: it is missing or damaged.
  """
  data, folder = prepared.read(name, data_dir)
  print(*describe(name, data), sep="\n", file=sys.stderr)
  return contact_sheet.write(name, data, folder.parent if folder else cache.root() / "contact_sheets")


def _write(name: str, version: str, data: Raw, folder: pathlib.Path) -> None:
  """Writes a data set with the writer of TFDS, whose shuffling is deterministic."""
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
  """Downloads and writes a data set with TFDS, and returns its folder.

  Raises:
    InputError: TFDS does not know it, or cannot get or write it.
  """
  import tensorflow_datasets as tfds

  name = ALIASES.get(name, name)
  if name.partition("/")[0] not in (allowed := tfds.list_builders(with_community_datasets=False)):
    near = suggest(name, [*pretrained.PRETRAINED, *allowed])
    raise InputError(f"dataset {name!r} is none that TFDS can download{near}")
  try:
    builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
  except Exception as error:  # from the network, the disk or the code of the data set
    raise InputError(
      f"dataset {name!r} could not be downloaded: {one_line(error)[:200]}; get its files by other means "
      "and give their folder as --raw_dir"
    ) from error
  return pathlib.Path(builder.data_dir)


def prepare_weights(name: str) -> None:
  """Runs the command line for the weights of a network."""
  about = pretrained.PRETRAINED[name]
  if bool(WEIGHTS.value) == DOWNLOAD.value:
    raise InputError(f"give either --weights (the file of the {about.network}) or --download ({about.url})")
  out = pathlib.Path(OUT.value) if OUT.value else None
  paths.check_writable(out.parent if out else pretrained.folder(), "--out" if out else "cache")
  if out and out.suffix not in (".npz", ".safetensors"):
    raise InputError(f"--out={out}: weights are written to .npz or .safetensors")
  if DOWNLOAD.value:
    print(f"{about.url}: {about.megabytes}, licence {about.licence}", file=sys.stderr, flush=True)
  source = pathlib.Path(WEIGHTS.value) if WEIGHTS.value else None
  for path in dict.fromkeys(pretrained.prepare(name, source, out)):
    print(f"{weights.sha256(path)}  {path}")


def main(argv: list[str]) -> None:
  """Runs the command line."""
  if len(argv) == 1 and argv[0] in pretrained.PRETRAINED:
    return prepare_weights(argv[0])
  if len(argv) != 1:
    raise InputError(f"give the name of one data set, such as fashion_mnist; {len(argv)} are given")
  data_dir = pathlib.Path(DATA_DIR.value or default_dir())
  if not RAW_DIR.value and not DOWNLOAD.value and (argv[0] in FILELESS or find(argv[0], data_dir)):
    return print(show(argv[0], data_dir))
  if bool(RAW_DIR.value) == DOWNLOAD.value:
    there = "" if DOWNLOAD.value else f"dataset {argv[0]!r} is not in data_dir {data_dir}; "
    raise InputError(f"{there}give either --raw_dir (the folder of the data set's files) or --download")
  paths.check_writable(data_dir, "--data_dir")
  if RAW_DIR.value:
    return print(prepare(argv[0], pathlib.Path(RAW_DIR.value), data_dir, SKIP_BAD.value, LABEL.value))
  folder = download(argv[0], data_dir)
  print(f"contact sheet: {show(argv[0], data_dir)}", file=sys.stderr)
  return print(folder)


if __name__ == "__main__":
  cli.run(main, FLAGS)
