"""The wheel has all that a checkout has, and the console command is the same as python -m."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

from gengap import __main__ as console
from gengap.command_line import shipped

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
  """The wheel of this checkout."""
  if not importlib.util.find_spec("hatchling"):
    pytest.skip("hatchling is not installed, which builds the wheel: pip install -e '.[test]'")
  folder = tmp_path_factory.mktemp("dist")
  build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
  subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
  return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
  """A folder of packages that has the wheel, as pip unpacks it."""
  folder = tmp_path_factory.mktemp("site-packages")
  zipfile.ZipFile(wheel).extractall(folder)
  return folder


def call(*args, path, cwd):
  """Runs python -m with packages of a folder; returns its status and all that it said."""
  env = os.environ | {"PYTHONPATH": str(path)}
  done = subprocess.run([sys.executable, "-m", *args], cwd=cwd, env=env, capture_output=True, text=True)
  return done.returncode, done.stdout + done.stderr


def test_a_wheel_has_configs_and_launchers_inside_of_the_package(wheel):
  names = zipfile.ZipFile(wheel).namelist()
  tops = {name.partition("/")[0] for name in names}
  assert tops == {"gengap", next(top for top in tops if top.endswith(".dist-info"))}
  for folder, inside in (("configs", "configs"), ("launch", "launch"), ("results/zoo", "zoo_files")):
    paths = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.*") if path.is_file()]
    ours = {f"gengap/{inside}/{path}" for path in paths if "__pycache__" not in path.parts}
    if folder == "results/zoo":
      ours = {name for name in ours if not name.endswith(".py")}
    assert ours and ours <= set(names)
  assert {f"gengap/report/templates/{p.name}" for p in ROOT.glob("gengap/report/templates/*")} <= set(names)


def test_an_installed_package_finds_its_configs_and_launchers_in_an_empty_folder(installed, tmp_path):
  status, said = call("gengap", "--help", path=installed, cwd=tmp_path)
  assert (status, f"Configs: {installed}/gengap/configs" in said) == (0, True), said
  sweep = ("gengap", "sweep", "--out=grid", "--configs", "vae", "--dry")
  status, said = call(*sweep, path=installed, cwd=tmp_path)
  assert (status, "-m gengap.main --config=vae --workdir" in said) == (0, True), said
  for config in ("vae", "configs/vae.py"):
    train = ("gengap", "train", f"--config={config}:blobs_singel", "--workdir=run")
    status, said = call(*train, path=installed, cwd=tmp_path)
    assert (status, "did you mean 'blobs_single'" in said) == (2, True), said
  assert not list(tmp_path.iterdir())


def test_an_installed_launcher_of_tpus_says_that_it_needs_a_checkout(installed):
  script = installed / "gengap/launch/tpu_vm.sh"
  flags = ["--name=gap", "--zone=z", "--type=v5litepod-8", "--out=out", "--dry_run"]
  call = ["bash", str(script), *flags, "--", "gengap.main", "--config=vae", "--workdir=runs/a"]
  done = subprocess.run(call, cwd=installed, capture_output=True, text=True)
  assert done.returncode == 2, done.stdout + done.stderr
  assert done.stderr.startswith(f"error: {installed}/gengap is no checkout of gengap")


def test_an_editable_install_is_a_path_so_that_a_folder_named_gengap_does_not_hide_it(tmp_path):
  build = pytest.importorskip("hatchling.build", reason="hatchling is not installed")
  here = pathlib.Path.cwd()
  try:
    os.chdir(ROOT)
    names = zipfile.ZipFile(tmp_path / build.build_editable(str(tmp_path)))
  finally:
    os.chdir(here)
  path = names.read(next(name for name in names.namelist() if name.endswith(".pth"))).decode().strip()
  assert path == str(ROOT)
  (tmp_path / "gengap").mkdir()  # a clone, beside which a script stands
  (tmp_path / "script.py").write_text("import gengap; print(gengap.__version__)")
  status, said = call("script", path=path, cwd=tmp_path)
  assert (status, said.strip()) == (0, console.gengap.__version__)


def run_console(monkeypatch, capsys, *args):
  """Returns status and output of the console command."""
  monkeypatch.setattr(sys, "argv", ["gengap", *args])
  return console.main(), "".join(capsys.readouterr())


def test_the_console_command_lists_all_commands(monkeypatch, capsys):
  status, said = run_console(monkeypatch, capsys)
  assert status == 0
  files = [path for path in (ROOT / "gengap").rglob("*.py") if "cli.run(" in path.read_text()]
  modules = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__") for path in files
  }
  assert modules <= set(console.COMMANDS.values())
  for name in console.COMMANDS:
    assert f"\n  {name} " in said
  assert PROJECT["project"]["scripts"] == {"gengap": "gengap.__main__:main"}


@pytest.mark.parametrize(
  ("name", "hint"),
  [("trian", "did you mean 'train'?"), ("main", "did you mean 'train'?"), ("zzz", "there are train, ")],
)
def test_a_command_that_there_is_not(name, hint, monkeypatch, capsys):
  status, said = run_console(monkeypatch, capsys, name)
  assert (status, len(said.splitlines())) == (2, 1)
  assert said.startswith(f"error: {name!r} is not a command of gengap; {hint}")


def test_versions_are_printed(monkeypatch, capsys):
  status, said = run_console(monkeypatch, capsys, "--version")
  assert (status, said.startswith(f"gengap {console.gengap.__version__}, Python 3.")) == (0, True)


def test_a_command_runs_as_its_module_does(tmp_path, monkeypatch):
  """What __main__ is decides the command that a run records, and the help text."""
  (tmp_path / "recorded.py").write_text(
    "from gengap.command_line import cli\nimport pathlib\nif __name__ == '__main__':\n"
    f"  pathlib.Path({str(tmp_path / 'said')!r}).write_text(cli.command())\n"
  )
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setitem(console.COMMANDS, "recorded", "recorded")
  monkeypatch.setattr(sys, "argv", ["/bin/gengap", "recorded", "--a=b c"])
  assert console.main() is None
  assert (tmp_path / "said").read_text() == "python -m recorded '--a=b c'"


def test_configs_are_loaded_by_name():
  assert shipped.config("vae", "mnist").dataset == "mnist"
  assert set(shipped.config_names()) == {path.stem for path in ROOT.glob("configs/*.py")}


def test_the_versions_that_are_declared_are_those_that_are_tested():
  workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
  start = "Programming Language :: Python :: 3."
  pythons = [text.split()[-1] for text in PROJECT["project"]["classifiers"] if text.startswith(start)]
  assert f"python: {json.dumps(pythons)}" in workflow
  assert PROJECT["project"]["requires-python"] == f">={pythons[0]},<3.{int(pythons[-1][2:]) + 1}"
  jaxes = json.loads(re.findall(r"jax: (\[.*\])", workflow)[0])
  after = f"0.{int(jaxes[-1][2:]) + 1}"
  assert f"jax>={jaxes[0]},<{after}" in PROJECT["project"]["dependencies"]
