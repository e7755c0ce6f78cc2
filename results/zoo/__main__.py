"""Packs trained runs for the model zoo, and writes their cards.

  python -m results.zoo --workdir=DIR --name=vae_mnist [--step=last|best|N] [--dtype=float16|float32]
    [--evaluation=FILE]
  python -m results.zoo     # writes the cards and the table of README.md again

Packing writes NAME/run.npz.xz, NAME/samples.webp and the card NAME/README.md. The card says what the type of
the stored weights changes: it is measured.
"""

import json
import pathlib
import re
from typing import Any

import jax
import numpy as np
from PIL import Image

from gengap import config as settings
from gengap import zoo
from gengap.data import pixels
from gengap.data.scale import to_uint8
from gengap.run import Run, load
from gengap.training.checkpoint import Checkpoints
from gengap.training.program import load_data
from launch.parser import Parser, path
from results import pictures
from results.zoo import cards

HERE = pathlib.Path(__file__).parent
MOST_BYTES = 300_000  # of a generator's file
MOST_OF_CLASSIFIER = 600_000  # whose features judge other runs
COMPARED = 256  # samples, by which stored weights are compared with trained ones
OUTSIDE = re.compile(r"(?<![\w.])/(?:[^/\s'\",]+/)*([^/\s'\",]+)")  # absolute paths


def packed(
  workdir: pathlib.Path, step: str, evaluation: pathlib.Path | None = None
) -> tuple[Run, zoo.Packed]:
  """Returns a checkpoint, and what the zoo keeps of it: nothing that names a folder of this machine.

  Args:
    workdir: of the run.
    step: of the checkpoint.
    evaluation: file of its evaluation; None: eval/STEP.json in the workdir, if there is one.
  """
  run = load(workdir, step)
  checkpoints = Checkpoints(workdir, best=run.config.best)
  scores = {key: float(x) for key, x in (checkpoints.manager.metrics(run.step) or {}).items()}
  spec = checkpoints.meta(run.step)["spec"]
  checkpoints.close()
  config = settings.plain(run.config) | {"data_dir": ""}
  files = {}
  for name, given in (("run.json", None), (f"eval/{run.step}.json", evaluation)):
    if (file := given or workdir / name).exists():
      files[name] = OUTSIDE.sub(r"\1", json.dumps(json.loads(file.read_text())))
  weights = jax.tree.map(np.asarray, run.nets)
  return run, zoo.Packed(config, spec, run.step, scores, weights, files)


def differences(run: Run, stored: zoo.Packed) -> dict[str, Any]:
  """Measures what the type of the stored weights changes.

  Returns:
    Of a generator: the share of pixels (of 256 samples) whose 8-bit value changes, and the largest change. Of
    a classifier: its accuracy on test images before and after.
  """
  other = run._replace(nets=stored.weights)
  if run.method.generate:
    a, b = (to_uint8(np.asarray(x.sample(jax.random.key(0), COMPARED))).astype(int) for x in (run, other))
    return {"pixels": float(np.mean(a != b)), "largest": int(np.abs(a - b).max())}
  test = load_data(run.config, "test")
  images = test.image[:].astype(np.float32) / 127.5 - 1
  named = [np.asarray(x.represent("logits", images)).argmax(1) for x in (run, other)]
  return {"accuracy": [float(np.mean(one == test.label)) for one in named]}


def pack(
  workdir: pathlib.Path, name: str, step: str, dtype: str, evaluation: pathlib.Path | None = None
) -> None:
  """Writes the folder of a run.

  Raises:
    SystemExit: the file is too large.
  """
  run, whole = packed(workdir, step, evaluation)
  content = zoo.pack(whole, dtype)
  most = MOST_BYTES if run.method.generate else MOST_OF_CLASSIFIER
  if len(content) > most:
    raise SystemExit(f"{name} takes {len(content):,} bytes, more than {most:,}; it is not packed")
  folder, stored = HERE / name, zoo.read(content, name)
  changed = {} if dtype == "float32" else differences(run, stored)
  folder.mkdir(exist_ok=True)
  (folder / zoo.FILE).write_bytes(content)
  if run.method.generate:
    images = run._replace(nets=stored.weights).sample(jax.random.key(0), 64)
    grid = pixels.tile(np.asarray(images))
    pictures.save(folder / "samples.webp", Image.fromarray(pixels.enlarged(grid)))
  write_card(folder, {"dtype": dtype, "changed": changed})


def write_card(folder: pathlib.Path, measured: dict[str, Any]) -> dict[str, Any]:
  """Writes the card of a packed run, and returns what it says.

  Args:
    folder: of the run.
    measured: what its file does not hold: the type of the stored weights, and what that changes.
  """
  content = (folder / zoo.FILE).read_bytes()
  stored = zoo.read(content, folder.name)
  about = cards.about(folder.name, stored, measured["dtype"], measured["changed"], len(content))
  (folder / "card.json").write_text(json.dumps(about, indent=2) + "\n")
  (folder / "README.md").write_text(cards.card(about))
  return about


def main() -> None:
  """Packs a run if one is given, and writes the cards and the table of all."""
  parser = Parser(__doc__)
  parser.add_argument("--workdir", type=path, help="folder of the run")
  parser.add_argument("--name", help="of the run in the zoo")
  parser.add_argument("--step", default="last", help="checkpoint: last, best or a number")
  parser.add_argument("--evaluation", type=path, help="its evaluation; else WORKDIR/eval/STEP.json")
  parser.add_argument("--dtype", default="float16", choices=("float16", "float32"), help="of stored weights")
  options = parser.parse_args()
  if bool(options.workdir) != bool(options.name):
    parser.error("--workdir and --name go together")
  if options.workdir:
    pack(options.workdir, options.name, options.step, options.dtype, options.evaluation)
  files = sorted(HERE.glob("*/card.json"))
  abouts = [write_card(file.parent, json.loads(file.read_text())) for file in files]
  (HERE / "README.md").write_text(cards.index(abouts))


if __name__ == "__main__":
  main()
