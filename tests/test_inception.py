"""The Inception network against reference numbers: weights made from names, images made from numbers."""

import hashlib
import json
import pathlib
import zlib

import jax
import numpy as np
import pytest
from test_weights import tensor, write_zip

from gengap import prepare
from gengap.command_line import cli
from gengap.errors import InputError
from gengap.features import batched, inception, pretrained, resize
from gengap.networks.inception import Inception

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
Z = np.load(FIXTURES / "inception.npz")
KEYS = json.loads((FIXTURES / "inception_keys.json").read_text())
PREFIX = {"pytorch_fid": "ptfid", "legacy": "tf", "clean": "clean"}
TOLERANCE = 1e-4


def weight(name, shape):
  """A weight as a function of its name, the same everywhere: whole numbers until the last."""
  n = int(np.prod(shape))
  bits = np.random.PCG64(zlib.crc32(f"{int(Z['seed_base'])}:{name}".encode("ascii"))).random_raw(n)
  q = (bits >> np.uint64(40)).astype(np.int64).reshape(shape) - 2**23
  if name.endswith("conv.weight"):
    q -= (q.sum(axis=(1, 2, 3)) // (n // shape[0]))[:, None, None, None]
  u = q / 2**23
  scales = {
    "conv.weight": lambda: u * np.sqrt(7.2 / (n // shape[0])),
    "bn.weight": lambda: 1 + 0.2 * u,
    "bn.bias": lambda: 0.1 + 0.2 * u,
    "running_mean": lambda: 0.2 * u,
    "running_var": lambda: 1 + 0.5 * u,
    "fc.weight": lambda: u * np.sqrt(3 / 2048),
    "fc.bias": lambda: 0.2 * u,
  }
  (scale,) = (scale for end, scale in scales.items() if name.endswith(end))
  return scale().astype(np.float32)


def grown(grid, step, pattern):
  """An image from a grid of its pixels, `step` apart."""
  g, k = grid.astype(int), step
  y, x, c = np.ogrid[: (len(g) - 1) * k, : (g.shape[1] - 1) * k, :3]
  (a, r), (b, s) = divmod(y, k), divmod(x, k)
  rows = ((k - r) * g[a + i, b + j, c] if i == 0 else r * g[a + i, b + j, c] for i in (0, 1) for j in (0, 1))
  parts = [row * ((k - s) if j == 0 else s) for row, j in zip(rows, (0, 1, 0, 1), strict=True)]
  return np.clip(sum(parts) // k**2 + pattern(y, x, c), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def state():
  found = {k["name"]: weight(k["name"], k["shape"]) for k in KEYS if k["dtype"] == "float32"}
  assert [zlib.crc32(value.tobytes()) for value in found.values()] == Z["weights_crc32"].tolist()
  return found


@pytest.fixture(scope="module")
def params(state):
  counters = {k["name"]: np.array(0) for k in KEYS if k["name"].endswith("num_batches_tracked")}
  return inception.from_state_dict(state | counters)


@pytest.fixture(scope="module")
def images():
  large = grown(Z["img299_grid"], 23, lambda y, x, c: (7 * y + 13 * x + 29 * c) % 17 - 8)
  assert zlib.crc32(large.tobytes()) == Z["img299_crc32"]
  return [*Z["img32"], *Z["img75x50"], large]


def worst(got, want):
  """Largest error of a row, by norm and by its largest number, as shares."""
  by_norm = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
  return max(by_norm.max(), (np.abs(got - want).max(1) / np.abs(want).max(1)).max())


@pytest.mark.parametrize("layer", ["64", "192", "768", "2048"])
def test_features_are_those_of_the_reference(params, images, layer):
  for protocol, prefix in PREFIX.items():
    if f"{prefix}/{layer}" in Z:
      index = Z[f"{prefix}/index"] if f"{prefix}/index" in Z else range(8)
      got = inception.features(params, images, protocol=protocol, layer=layer)[list(index)]
      assert worst(got, Z[f"{prefix}/{layer}"]) < TOLERANCE, protocol


def test_logits_are_those_of_the_reference(params, state, images):
  chosen = [images[i] for i in Z["tf/index"]]
  unbiased = inception.features(params, chosen, layer="logits_unbiased")
  assert worst(unbiased, Z["tf/logits_unbiased"]) < TOLERANCE
  logits = inception.features(params, chosen, layer="logits")
  np.testing.assert_allclose(logits, unbiased + state["fc.bias"], atol=1e-5)


def test_every_layer_is_that_of_the_reference(params, images):
  seen = jax.jit(Inception().apply)({"params": params}, resize.pytorch_fid(images[0][None]))
  for j, name in enumerate(Z["probe/names"]):
    got = np.asarray(seen[str(name)][0]).transpose(2, 0, 1)
    c, h, w = got.shape
    assert (c, h, w) == tuple(Z["probe/shape_chw"][j]), name
    i = np.arange(16)
    picked, want = got[i * c // 16, 7 * i % h, 5 * i % w], Z["probe/samples"][j]
    np.testing.assert_allclose(picked, want, atol=1e-4 * np.abs(want).max(), err_msg=name)
    np.testing.assert_allclose((got.mean(), got.std()), Z["probe/mean_std"][j], rtol=1e-4, err_msg=name)


def test_resizing_is_that_of_the_reference(images):
  down = grown(Z["down/grid"], 13, lambda y, x, c: (37 * y + 59 * x + 29 * c) % 97 - 48)
  assert zlib.crc32(down.tobytes()) == Z["down/crc32"]
  rows = np.ix_(Z["resize/rows_cols"], Z["resize/rows_cols"])
  for protocol, prefix in PREFIX.items():
    scale = (lambda x: (x + 1) * 127.5) if protocol == "pytorch_fid" else (lambda x: x * 128 + 128)
    tolerance = 5e-3 if protocol == "legacy" else 1e-3  # the reference has its coordinates in float32
    for image, want in zip(
      [*(images[i] for i in Z["resize/index"]), down],
      [*Z[f"resize/{prefix}"], Z[f"down/{prefix}"]],
      strict=True,
    ):
      got = scale(np.asarray(resize.PROTOCOLS[protocol](image[None])[0]))
      np.testing.assert_allclose(got[rows], want, atol=tolerance)


def test_a_single_channel_is_shown_three_times(params):
  grey = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
  one, three = (inception.features(params, x, layer="64") for x in (grey, np.repeat(grey, 3, -1)))
  np.testing.assert_allclose(one, three, rtol=1e-6)


def test_float_images_are_taken_as_they_are(params):
  """In [-1, 1], and not rounded to the 256 values of uint8."""
  images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)
  floats = images.astype(np.float32) / 127.5 - 1
  wanted = inception.scaled(images, "clean")
  np.testing.assert_allclose(inception.scaled(floats, "clean"), wanted, atol=1e-5)
  assert 0 < np.abs(inception.scaled(floats * np.float32(0.9999), "clean") - wanted).max() < 1e-3
  with pytest.raises(InputError, match=r"float in \[-1, 1\]"):
    inception.scaled(floats * 127, "clean")


def test_batches_are_padded_and_nothing_is_dropped():
  """Every number of images, against the function itself; the images are told apart by what is in them."""
  see = batched.over_devices(lambda weights, x: weights * x[:, :2])
  for n in (1, 2, 3, 4, 7, 9):
    x = np.random.default_rng(n).normal(size=(n, 4)).astype(np.float32)
    np.testing.assert_allclose(see(np.float32(2), batched.batches(x, 3)), 2 * x[:, :2])


@pytest.mark.parametrize(
  ("images", "options", "words"),
  [
    (np.full((2, 8, 8, 3), 127, np.float32), {}, "float32"),
    (np.full((2, 8, 8, 3), np.nan, np.float32), {}, "float32"),
    (np.zeros((2, 8, 8, 3), np.int32), {}, "int32"),
    (np.zeros((2, 8, 8, 4), np.uint8), {}, "shape"),
    (np.zeros((8, 8, 3), np.uint8), {}, "shape"),
    (np.zeros((0, 8, 8, 3), np.uint8), {}, "no images"),
    ([], {}, "no images"),
    ([np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 3), np.uint8)], {}, "image 1 has shape"),
    (np.zeros((2, 8, 8, 3), np.uint8), {"layer": "512"}, "logits_unbiased"),
    (np.zeros((2, 8, 8, 3), np.uint8), {"protocol": "cleen"}, "pytorch_fid, legacy, clean"),
  ],
)
def test_bad_images(params, images, options, words):
  with pytest.raises(InputError, match=words):
    inception.features(params, images, **options)


def test_bad_weights(state):
  bad = {
    "fc.bias": (None, "lack 'fc.bias'"),
    "Mixed_7c.branch1x1.bn.running_var": (-np.ones(320, np.float32), "negative"),
    "Mixed_6a.branch3x3.conv.weight": (np.zeros((384, 288, 3, 1), np.float32), "wants \\(384, 288, 3, 3\\)"),
    "Conv2d_1a_3x3.bn.bias": (np.full(32, np.nan, np.float32), "not finite"),
    "AuxLogits.fc.bias": (np.zeros(1000, np.float32), "has no 'AuxLogits.fc.bias'"),
  }
  for name, (value, words) in bad.items():
    broken = state | {name: value} if value is not None else {k: v for k, v in state.items() if k != name}
    with pytest.raises(InputError, match=words):
      inception.from_state_dict(broken)


@pytest.fixture(scope="module")
def pth(state, tmp_path_factory):
  """The weights as PyTorch writes them, counters and all."""
  path = tmp_path_factory.mktemp("weights") / "inception.pth"
  named = state | {k["name"]: np.array([0], np.int64) for k in KEYS if k["name"] not in state}
  tensors = {
    name: tensor(str(i), value.shape, "LongStorage" if value.dtype == np.int64 else "FloatStorage")
    for i, (name, value) in enumerate(named.items())
  }
  write_zip(path, tensors, {str(i): value for i, value in enumerate(named.values())})
  return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_are_converted_by_one_command(pth, params, tmp_path, suffix, capsys):
  out = tmp_path / "new" / f"inception{suffix}"
  prepare_main(f"--weights={pth}", f"--out={out}")
  lines = [line.split() for line in capsys.readouterr().out.splitlines()]
  hashes = {path: digest for digest, path in lines}
  assert hashes == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (pth, out)}
  again = inception.load(out)
  for name in ("Conv2d_1a_3x3", "fc"):
    np.testing.assert_array_equal(again[name]["kernel"], params[name]["kernel"])
  np.testing.assert_array_equal(inception.load(pth)["Conv2d_1a_3x3"]["bias"], params["Conv2d_1a_3x3"]["bias"])
  assert {p.name for p in out.parent.iterdir()} == {out.name}


def prepare_main(*args):
  """The command, in this process."""
  prepare.main(cli.parse(prepare.FLAGS, ["prepare", "inception", *args]))


@pytest.mark.parametrize(
  ("args", "words"),
  [
    ([], "either --weights"),
    (["--weights={}", "--download"], "either --weights"),
    (["--weights={}", "--out=w.pth"], "written to .npz or .safetensors"),
    (["--weights={}/none.pth", "--out=w.npz"], "no such file"),
    (["--download", "--out={}.npz"], "could not be downloaded"),
  ],
)
def test_bad_commands(tmp_path, monkeypatch, args, words):
  published = pretrained.PRETRAINED["inception"]._replace(url="http://127.0.0.1:9/nothing.pth")
  monkeypatch.setitem(pretrained.PRETRAINED, "inception", published)
  before = list(tmp_path.iterdir())
  with pytest.raises(InputError, match=words):
    prepare_main(*(a.format(tmp_path / "w") for a in args))
  assert list(tmp_path.iterdir()) == before
