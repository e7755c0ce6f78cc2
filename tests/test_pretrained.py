"""Published files of weights: where they are found, how they are downloaded, checked and put in place."""

import hashlib
import http.client
import pathlib
import re

import numpy as np
import pytest
from test_dinov2 import OTHER, TINY, hugging_face, random_state
from test_weights import tensor, write_zip

from gengap import prepare
from gengap.command_line import cli
from gengap.errors import InputError
from gengap.evaluation import extractors
from gengap.features import pretrained, registry, weights
from gengap.networks.vision_transformer import SIZES

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)


def write_pth(path, state):
  tensors = {name: tensor(str(i), value.shape) for i, (name, value) in enumerate(state.items())}
  write_zip(path, tensors, {str(i): value for i, value in enumerate(state.values())})
  return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """An empty default folder; DINOv2 in small, of which the official file is at a URL."""
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
  monkeypatch.setitem(SIZES, "vits14", TINY)
  monkeypatch.setitem(SIZES, "vitb14", OTHER)
  published = write_pth(tmp_path / "dinov2_vits14_pretrain.pth", random_state(TINY))
  about = pretrained.PRETRAINED["dinov2"]._replace(
    url=published.as_uri(),
    size=published.stat().st_size,
    sha256=hashlib.sha256(published.read_bytes()).hexdigest(),
  )
  monkeypatch.setitem(pretrained.PRETRAINED, "dinov2", about)
  for name in pretrained.PRETRAINED:
    monkeypatch.delenv(pretrained.variable(name), raising=False)
  return tmp_path / "cache" / "weights"


def command(*args):
  """The command, in this process."""
  prepare.main(cli.parse(prepare.FLAGS, ["prepare", *args]))


def test_every_file_says_what_it_is():
  for name, about in pretrained.PRETRAINED.items():
    assert registry.EXTRACTORS[name].takes[0] == "weights"
    assert re.fullmatch(r"https://.*\.pth", about.url) and about.url.endswith(f"/{about.file}")
    assert re.fullmatch(r"[0-9a-f]{64}", about.sha256) and about.size > 8e7 and about.licence
  inception = pretrained.PRETRAINED["inception"]
  assert inception.sha256.startswith(inception.file.removesuffix(".pth").rpartition("-")[2])


def test_a_flag_precedes_a_variable_and_the_default_folder_comes_last(folder, monkeypatch):
  assert pretrained.find("dinov2") is None
  folder.mkdir(parents=True)
  for name in ("dinov2.safetensors", "dinov2_vits14_pretrain.pth"):
    (folder / name).touch()
    assert pretrained.find("dinov2") == folder / name
  monkeypatch.setenv("GENGAP_DINOV2", "~/there.pth")
  assert pretrained.find("dinov2") == pathlib.Path("~/there.pth").expanduser()
  assert pretrained.find("dinov2", "here.pth") == "here.pth"
  assert pretrained.find("dinov2_vitb14") is None


def test_a_download_is_found_by_an_evaluation_and_made_once(folder, monkeypatch, capsys):
  command("dinov2", "--download")
  target, about = folder / "dinov2_vits14_pretrain.pth", pretrained.PRETRAINED["dinov2"]
  said = capsys.readouterr()
  assert said.out == f"{about.sha256}  {target}\n"
  assert said.err.startswith(f"{about.url}: {about.megabytes}, licence Apache 2.0")
  assert [p.name for p in folder.iterdir()] == [target.name]
  monkeypatch.setattr(pretrained, "fetch", None)  # it is not needed again
  command("dinov2", "--download")
  found = extractors.select("", extractors.Dataset(IMAGES, np.zeros(4, int), (), {}), features="dinov2")
  assert found.features and found.features.extract(IMAGES).shape == (4, TINY.width)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_a_file_is_put_in_place_as_it_is(folder, tmp_path, suffix):
  path = tmp_path / f"mine{suffix}"
  state = random_state(TINY, seed=2)
  if suffix == ".pth":
    write_pth(path, state)
  else:
    weights.write(path, hugging_face(state, TINY.blocks))
  command("dinov2", f"--weights={path}")
  (target,) = folder.iterdir()
  assert target.read_bytes() == path.read_bytes() and pretrained.find("dinov2") == target
  command("dinov2", f"--weights={target}")
  other = ".npz" if suffix == ".pth" else ".pth"
  (write_pth if other == ".pth" else weights.write)(tmp_path / f"a{other}", state)
  with pytest.raises(InputError, match="is there already; delete it first"):
    command("dinov2", f"--weights={tmp_path / f'a{other}'}")
  command("dinov2", f"--weights={path}", f"--out={tmp_path / 'new' / 'w.npz'}")
  np.testing.assert_array_equal(
    pretrained.dinov2.read(tmp_path / "new" / "w.npz", "vits14")[0]["norm"]["bias"], state["norm.bias"]
  )
  assert [p.name for p in folder.iterdir()] == [target.name]


class Cut(http.client.HTTPResponse):
  """An answer that ends too early."""

  def __init__(self):
    self.blocks = [b"PK" + bytes(100)]

  def read(self, amt=None):
    if self.blocks:
      return self.blocks.pop()
    raise http.client.IncompleteRead(b"", 9)

  def __exit__(self, *_):
    pass

  def close(self):
    pass


def interrupted(*_, **__):
  raise KeyboardInterrupt


@pytest.mark.parametrize(
  ("spoil", "words"),
  [
    (
      lambda path, patch: path.unlink(),
      "could not be downloaded: .*; get it otherwise, and put it at",
    ),
    (
      lambda path, patch: path.write_text("<html>log in</html>"),
      "another file, of 19 bytes.*a web page",
    ),
    (lambda path, patch: path.write_bytes(path.read_bytes()[:-100]), "gave another file, of .* it should be"),
    (
      lambda path, patch: patch(pretrained.urllib.request, "urlopen", lambda *_, **__: Cut()),
      "Incomplete",
    ),
    (lambda path, patch: patch(pretrained.urllib.request, "urlopen", interrupted), None),
    (
      lambda path, patch: patch(pretrained.shutil, "disk_usage", lambda path: type("", (), {"free": 9})),
      "MB of free space|MB free",
    ),
  ],
)
def test_a_download_that_fails_leaves_nothing(folder, tmp_path, monkeypatch, spoil, words):
  spoil(tmp_path / "dinov2_vits14_pretrain.pth", monkeypatch.setattr)
  with pytest.raises(InputError if words else KeyboardInterrupt, match=words) as error:
    command("dinov2", "--download")
  assert "\n" not in str(error.value)
  assert not folder.exists()


def test_a_file_of_another_network_is_not_put_in_place(folder, tmp_path):
  path = write_pth(tmp_path / "b.pth", random_state(OTHER))
  for args, words in (
    (["dinov2", f"--weights={path}"], "they are the weights of DINOv2 vitb14"),
    (["inception", f"--weights={path}"], "not those of the FID Inception network"),
    (["dinov2"], "give either --weights .the file of the DINOv2 vits14. or --download"),
    (["dinov", "--download"], "did you mean 'dinov2'"),
    (["dinov2", f"--weights={path}", "--out=w.pth"], "written to .npz or .safetensors"),
  ):
    with pytest.raises(InputError, match=words):
      command(*args)
  assert not folder.exists()


def test_an_evaluation_without_weights_names_the_one_command_that_gets_them(folder):
  test = extractors.Dataset(IMAGES, np.zeros(4, int), (), {})
  for name, size in (("inception", "96 MB"), ("dinov2", "MB"), ("dinov2_vitb14", "346 MB")):
    with pytest.raises(InputError, match=f"{size}.*: python -m gengap.prepare {name} --download;"):
      extractors.select("", test, features=name, required=True)
