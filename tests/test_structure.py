"""The shape of the house: what stands at the top level, and which way imports run."""

import ast
import pathlib
import subprocess

import pytest

from gengap.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "gengap"
TOP = {"pyproject.toml", "README.md", "LICENSE", "gengap", "configs", "launch", "tests", "results"}

# Every floor may import from those below it, and from its own room; never from above.
FLOORS = (
  {"main", "evaluate", "probe", "report", "bench", "prepare"},
  {"train", "subject", "gap"},
  {"validate", "diagnose", "score", "budget"},
  {"eyes"},
  {"run"},
  {"program"},
  {"config", "cli"},
  {"methods", "log", "checkpoint", "health", "arguments"},
  {"step", "probes"},
  {"metrics"},
  {"networks", "data"},
  {"processes"},
  {"method", "paths", "cluster", "pickles"},
  {"errors"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room(path):
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
  """Yields the rooms of gengap that a file imports, at its top or inside a function."""
  for node in ast.walk(ast.parse(path.read_text())):
    names = []
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      names = [node.module or ""]
      if node.module == "gengap":
        names = [f"gengap.{alias.name}" for alias in node.names]
    for name in names:
      parts = name.split(".")
      if parts[0] == "gengap" and len(parts) > 1 and parts[1] in LEVEL:
        yield parts[1]


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
  here = room(path)
  assert here in LEVEL, f"{here} stands on no floor"
  wrong = [other for other in imports(path) if other != here and LEVEL[other] <= LEVEL[here]]
  assert not wrong, f"{here} imports {wrong}, which stand beside or above it"


def sources(pattern):
  return {p for p in FILES if pattern in p.read_text()}


@pytest.mark.parametrize("word", ["jax.pmap(", "lax.pmean(", ".tx.update("])
def test_only_the_step_averages_and_updates(word):
  assert sources(word) == {PACKAGE / "step.py"}


def test_methods_are_looked_up_in_one_place():
  assert sources("METHODS[") == {PACKAGE / "methods" / "__init__.py"}


def test_nothing_private_of_jax_is_used():
  assert not sources("jax._src")


def test_the_top_level_is_the_listed_one():
  git = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
  if git.returncode:
    pytest.skip("not a git checkout")
  tops = {line.split("/")[0] for line in git.stdout.split()}
  assert {name for name in tops if not name.startswith(".")} <= TOP


def broad(node):
  """Whether an except clause catches every error."""
  kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
  return any(kind is None or getattr(kind, "id", "") in ("Exception", "BaseException") for kind in kinds)


def names_input_error(node):
  return any(getattr(inner, "id", "") == "InputError" for inner in ast.walk(node.type or node))


@pytest.mark.parametrize("folder", ["gengap", "launch", "configs", "results"])
def test_an_error_that_says_what_to_do_is_not_swallowed(folder):
  """Whoever catches every error lets an InputError pass first; whoever catches ValueError catches none."""
  assert not issubclass(InputError, (ValueError, OSError, RuntimeError, LookupError, TypeError))
  for path in sorted((ROOT / folder).rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Try) and any(map(broad, node.handlers)):
        first = node.handlers[0]
        assert names_input_error(first), f"{path}:{first.lineno} swallows an InputError"
