"""Paths, checked in one place for every flag, field and variable, first of all."""

import importlib
import pathlib
import re
import sys
import warnings

import jax
import numpy as np
import pytest
from test_cli import MODULES
from test_train import config

import gengap
from gengap.command_line import arguments, cli
from gengap.data import cache
from gengap.errors import InputError
from gengap.features import weights
from gengap.storage import paths
from gengap.training import checkpoint, loop, workdirs

URLS = {
  "gs://bucket/run": "gcloud storage cp -r gs://bucket/run DIR",
  "gs:/bucket/run": "gcsfuse",  # what pathlib makes of it
  "S3://bucket/run": "mount-s3",
  "hdfs://host:9000/run": "hdfs dfs -get hdfs://host:9000/run DIR",
  "file:///tmp/run": "name the path itself, /tmp/run",
  "https://host/run": "download it",
}
NO_PATHS = {
  "": "empty",
  " ": "empty",
  "a\0b": "UTF-8",
  "a\udcff": "UTF-8",
  "~no one/run": "no home folder",
  "--step=3": "is a flag",
}


def flags(module):
  return importlib.import_module(module).FLAGS


def path_flags():
  kinds = (arguments.PathParser, arguments.PathsParser)
  return [(m, name) for m in MODULES for name in flags(m) if isinstance(flags(m)[name].parser, kinds)]


def takes_buckets(module, name):
  parser = flags(module)[name].parser
  return isinstance(parser, arguments.PathsParser) or parser.remote


def test_flags_of_runs_take_buckets():
  found = {name for module, name in path_flags() if takes_buckets(module, name)}
  assert found == {"workdir", "workdirs", "classifier", "data_dir", "out"}


@pytest.mark.parametrize(("module", "name"), path_flags())
def test_no_flag_of_any_command_takes_another_url(module, name):
  for url, words in URLS.items():
    if url.startswith("gs") and takes_buckets(module, name):
      continue
    for call in ([f"--{name}={url}"], [f"--{name}", url]):
      with pytest.raises(InputError) as error:
        cli.parse(flags(module), [module, *call])
      assert str(error.value).startswith(f"--{name}={url}: a local file or folder is needed here; ")
      assert words in str(error.value)


@pytest.mark.parametrize("module", MODULES)
def test_every_flag_that_names_a_folder_or_file_takes_a_path(module):
  own = flags(module)
  named = {name for name in own if re.match("(Folder|File|Workdir)", own[name].help or "")}
  assert named <= {name for command, name in path_flags() if command == module}


@pytest.mark.parametrize(("path", "words"), (URLS | NO_PATHS).items())
def test_what_is_no_local_path_is_refused_in_a_line(path, words):
  with pytest.raises(InputError) as error:
    paths.local(path)
  assert words in str(error.value)
  assert str(error.value).isprintable()


def test_a_home_is_expanded_wherever_a_path_is_given(monkeypatch, tmp_path):
  monkeypatch.setenv("HOME", str(tmp_path))
  assert paths.local("~/a/") == tmp_path / "a"
  cli.parse(own := flags("gengap.report.__main__"), ["report", "--workdirs=~/a,~/b", "--out", "~/c"])
  assert (own.workdirs, own.out) == ([[str(tmp_path / "a"), str(tmp_path / "b")]], str(tmp_path / "c"))
  for name in ("GENGAP_CACHE", "TFDS_DATA_DIR"):
    monkeypatch.setenv(name, "~/d")
  assert cache.root() == gengap.data.tfds.default_dir() == tmp_path / "d"
  monkeypatch.delenv("GENGAP_CACHE")
  monkeypatch.setenv("XDG_CACHE_HOME", "~/e")
  assert cache.root() == tmp_path / "e/gengap"
  monkeypatch.setenv("GENGAP_CACHE", "gs://b")
  with pytest.raises(InputError, match=r"\$GENGAP_CACHE=gs://b: "):
    cache.root()


def test_a_folder_whose_name_has_commas_is_one(tmp_path):
  (folder := tmp_path / "a,b").mkdir()
  cli.parse(own := flags("gengap.report.__main__"), ["report", f"--workdirs={folder}"])
  assert own.workdirs == [[str(folder)]]


@pytest.mark.parametrize("url", ["s3://b/run", pathlib.Path("s3://b/run")])
def test_python_takes_no_url_either(url, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  for call in (gengap.load, weights.read, lambda url: loop.train(config("vae"), url)):
    with pytest.raises(InputError, match="local file or folder is needed"):
      call(url)
  with pytest.raises(InputError, match=r"config\.data_dir=s3:"):
    loop.train(config("vae", data_dir=str(url)), tmp_path / "run")
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/run", "file/a/b", "link", "link/run"])
def test_a_folder_that_cannot_be_made_is_refused_and_nothing_is_made(tmp_path, place):
  (tmp_path / "file").write_text("mine")
  (tmp_path / "link").symlink_to(tmp_path / "nowhere")
  with pytest.raises(InputError, match=rf"^--out=\S+ cannot be written, for \S+/{place[:4]} is no folder"):
    paths.check_writable(tmp_path / place, "--out")
  paths.check_writable(tmp_path / "new" / "run", "--out")
  assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}
  with pytest.raises(InputError, match="too long"):
    paths.check_writable(tmp_path / ("x" * 300), "--out")


@pytest.mark.parametrize("name", ["checkpoints", "samples"])
def test_a_file_in_the_way_of_a_run_is_said_before_anything_is_compiled(tmp_path, name, monkeypatch):
  (tmp_path / name).write_text("mine")
  monkeypatch.setattr(loop, "load_data", lambda *_: pytest.fail("goes on"))
  with pytest.raises(InputError, match=rf"--workdir=\S+/{name} cannot be written, for"):
    loop.train(config("vae"), tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_in_the_way_of_a_file_of_a_run_is_an_error(tmp_path):
  (tmp_path / "metrics.jsonl").mkdir()
  words = r"cannot be written: Is a directory \(.*metrics.jsonl\)"
  with pytest.raises(InputError, match=words), workdirs.claimed(tmp_path, config("vae")):
    loop.Log(tmp_path, 0, 4)
  (tmp_path / "lock").unlink()
  (tmp_path / "lock").mkdir()
  with pytest.raises(InputError, match=r"cannot be written: Is a directory \(.*lock\)"):
    workdirs.check_workdir(tmp_path, config("vae"))


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
  """A cache that cannot be written, for a file is in its way."""
  (tmp_path / "file").write_text("mine")
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "file/cache"))
  cache.complain.cache_clear()


def test_a_cache_that_cannot_be_written_is_said_once_and_done_without(no_cache, capfd, tmp_path):
  blocks = [(np.full((2, 4, 4, 1), i, np.uint8), np.full(2, i, np.int32)) for i in range(2)]
  image = label = np.zeros(0)
  for _ in range(2):
    image, label = cache.fetch("key", (4, 4, 4, 1), lambda: iter(blocks))
    cache.keep(cache.root() / "data" / "x", lambda _: pytest.fail("is written"))
  np.testing.assert_array_equal(image[:, 0, 0, 0], [0, 0, 1, 1])
  np.testing.assert_array_equal(label, [0, 0, 1, 1])
  (said,) = capfd.readouterr().err.splitlines()
  assert said.startswith(f"cache {tmp_path / 'file/cache/data'} cannot be written (Not a directory): ")


def test_programs_are_not_kept_where_they_cannot(no_cache, capfd):
  with warnings.catch_warnings():
    before = jax.config.values["jax_compilation_cache_dir"]
    try:
      jax.config.update("jax_compilation_cache_dir", None)
      cli.keep_programs()
      assert jax.config.values["jax_compilation_cache_dir"] is None
    finally:
      jax.config.update("jax_compilation_cache_dir", before)
  assert "cannot be written" in capfd.readouterr().err


@pytest.mark.parametrize("platform", ["cuda", "tpu", "nonsense"])
def test_devices_that_are_not_there_are_an_error(monkeypatch, platform):
  def devices():
    if platform == "cuda":
      raise AssertionError  # as JAX without its plugin
    raise RuntimeError(f"no {platform}\n (set JAX_PLATFORMS='' to choose)")

  monkeypatch.setenv("JAX_PLATFORMS", platform)
  monkeypatch.setattr(jax, "devices", devices)
  with pytest.raises(InputError) as error:
    cli.check_devices()
  reason = "" if platform == "cuda" else f" (no {platform})"
  assert str(error.value).startswith(f"JAX_PLATFORMS={platform}: JAX finds no such device here{reason}; ")


def test_a_pointer_in_a_run_is_named(tmp_path):
  pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"
  (tmp_path / "config.json").write_bytes(pointer)
  with pytest.raises(InputError, match=r"config.json cannot be read .it is a Git LFS pointer"):
    workdirs.read(tmp_path)
  (tmp_path / "4/nets").mkdir(parents=True)
  (tmp_path / "4/nets/d").write_bytes(pointer)
  assert checkpoint.pointer(tmp_path / "4").startswith("nets/d is a Git LFS pointer")


def test_a_config_of_gengap_is_found_by_its_name_in_any_folder(monkeypatch, tmp_path):
  shipped = pathlib.Path(__file__).parents[1] / "configs" / "vae.py"
  monkeypatch.chdir(tmp_path)
  assert arguments.find_config("vae") == arguments.find_config("configs/vae.py") == shipped
  for wrong, near in (("vea", "'vae'"), ("configs/vea.py", "'configs/vae.py'"), ("no/vae.py", "'.*vae")):
    with pytest.raises(InputError, match=f"--config={wrong}: there is no such file.*; did you mean {near}"):
      arguments.find_config(wrong)
  with pytest.raises(InputError, match="gengap train --help lists those of gengap"):
    arguments.find_config("zzzz")
  (tmp_path / "configs").mkdir()  # of the user's own: it is not mixed with gengap's
  with pytest.raises(InputError, match=r"did you mean 'vae'\?"):
    arguments.find_config("configs/vae.py")
  (tmp_path / "vae").write_text("mine")
  assert arguments.find_config("vae") == pathlib.Path("vae")


@pytest.mark.parametrize(
  "flag", [["--config=vae:mnist"], ["--config", "vae:mnist"], ["-config", "vae:mnist"]]
)
def test_the_file_of_a_config_takes_the_place_of_its_name(flag, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  file = pathlib.Path(__file__).parents[1] / "configs" / "vae.py"
  located = arguments.with_config_file(["main", *flag, "--workdir=vae", "vae:mnist"])
  assert " ".join(located[1:]).replace("=", " ").endswith(f"config {file}:mnist --workdir vae vae:mnist")


def test_what_tells_processes_of_each_other_is_no_part_of_a_command(monkeypatch):
  given = ["--workdir", "a", "--process_id", "1", "--coordinator=h:1", "--num_processes=2", "--step=all"]
  monkeypatch.setattr(sys, "argv", ["command", *given])
  assert cli.command().endswith("--workdir a --step=all")


@pytest.mark.parametrize("name", ["lr[0.1]", "a*", "a?", "a\\b"])
def test_a_workdir_whose_checkpoints_would_be_lost_is_refused(tmp_path, name):
  with pytest.raises(InputError, match="for a pattern and loses the checkpoints"):
    workdirs.check_workdir(tmp_path / name / "run", config("vae"))
  assert not list(tmp_path.iterdir())
