"""The shape of the house: what stands at the top level, and which way imports run."""

import ast
import graphlib
import pathlib
import subprocess

import mutants
import pytest

from gengap.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "gengap"
TOP = {"pyproject.toml", "README.md", "LICENSE", "gengap", "configs", "launch", "tests", "results"}

# Every floor may import from those below it, and from its own room; never from above.
FLOORS = (
  {"__main__"},
  {"main", "evaluate", "probe", "bench", "prepare", "demo"},
  {"report"},
  {"probes"},
  {"evaluation"},
  {"run"},
  {"zoo"},
  {"training"},
  {"command_line"},
  {"config"},
  {"methods", "logs"},
  {"metrics"},
  {"features"},
  {"networks", "data"},
  {"distributed", "families"},
  {"method", "storage"},
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


def test_the_root_of_the_package_has_few_modules():
  assert len(list(PACKAGE.glob("*.py"))) <= 15


def module(path):
  return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path, modules):
  """Returns the modules of gengap that a file imports, also for type checking alone."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gengap"):
      names = {f"{node.module}.{alias.name}" for alias in node.names}
      found |= {name if name in modules else node.module for name in names}
  return (found & modules) - {module(path)}


def test_no_files_import_each_other_in_a_circle():
  modules = {module(path) for path in FILES}
  lazy = {("gengap.probes", "gengap.probes.probing")}  # the package gives `probe` when it is asked for
  graph = {
    name: {other for other in imported_modules(path, modules) if (name, other) not in lazy}
    for path in FILES
    for name in [module(path)]
  }
  graphlib.TopologicalSorter(graph).prepare()


def sources(pattern):
  return {p for p in FILES if pattern in p.read_text()}


@pytest.mark.parametrize("word", ["jax.pmap(", "lax.pmean(", ".tx.update("])
def test_only_the_step_averages_and_updates(word):
  assert sources(word) == {PACKAGE / "training" / "step.py"}


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


def broad(handler):
  """Whether an except clause catches every error."""
  kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
  return any(kind is None or getattr(kind, "id", "") in ("Exception", "BaseException") for kind in kinds)


def passes_on(handler):
  """Whether an except clause is for InputError, or raises what it catches as it is."""
  named = any(getattr(node, "id", "") == "InputError" for node in ast.walk(handler.type or handler))
  return named or (isinstance(handler.body[0], ast.Raise) and handler.body[0].exc is None)


def own_names(tree):
  """Returns the names of a file's own functions, and of what it imports from gengap."""
  for node in tree.body:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
      yield node.name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("gengap", "launch")):
      yield from (alias.asname or alias.name for alias in node.names)


def may_raise(body, own):
  """Whether statements call what is gengap's own, or hand over to a caller's block."""
  nodes = [node for statement in body for node in ast.walk(statement)]
  called = {
    getattr(inner, "id", "") for node in nodes if isinstance(node, ast.Call) for inner in ast.walk(node.func)
  }
  return bool(called & own) or any(isinstance(node, ast.Yield) for node in nodes)


@pytest.mark.parametrize("folder", ["gengap", "launch", "configs", "results"])
def test_an_error_that_says_what_to_do_is_not_swallowed(folder):
  """Whoever catches every error lets an InputError pass first; whoever catches ValueError catches none."""
  assert not issubclass(InputError, (ValueError, OSError, RuntimeError, LookupError, TypeError))
  for path in sorted((ROOT / folder).rglob("*.py")):
    tree = ast.parse(path.read_text())
    own = set(own_names(tree))
    for node in ast.walk(tree):
      if isinstance(node, ast.Try) and any(map(broad, node.handlers)) and may_raise(node.body, own):
        first = node.handlers[0]
        assert passes_on(first), f"{path}:{first.lineno} swallows an InputError"


def test_every_mutant_is_one_fault_in_one_place_and_names_tests_that_there_are():
  table = mutants.read()
  assert len(set(map(str, table))) == len(table) > 40
  for mutant in table:
    text = (ROOT / mutant.file).read_text()
    assert text.count(mutant.old) == 1, mutant
    assert ast.dump(ast.parse(mutant.broken(ROOT))) != ast.dump(ast.parse(text)), mutant
    assert mutant.tests, mutant
    for path, _, name in (test.partition("::") for test in mutant.tests):
      assert f"\ndef {name.partition('[')[0]}(" in (ROOT / path).read_text(), mutant
