"""What the READMEs name exists: files, headings, commands, configs, fields, arguments, numbers."""

import importlib.util
import pathlib
import re

import pytest

from gengap import config, methods
from gengap.command_line import field_help

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
  page
  for page in (*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md"), *ROOT.glob(".github/*.md"))
  if page.relative_to(ROOT).parts[0] in ("README.md", "gengap", "configs", "launch", "results", ".github")
)
CONFIGS = (ROOT / "configs" / "README.md").read_text()


def prose(page):
  """Returns a page without its code blocks."""
  return re.sub(r"```.*?```", "", page.read_text(), flags=re.S)


def anchors(page):
  """Returns the anchors of a page's headings, as GitHub makes them."""
  headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
  return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
  for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), link
    assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_modules_and_configs_that_exist(page):
  text = page.read_text()
  for module in re.findall(r"python -m ((?:gengap|launch|results)[\w.]*)", text):
    assert "FOLDER" in module or importlib.util.find_spec(module.rstrip(".")), module
  for name in re.findall(r"configs/(\w+)\.py", text):
    assert name == "NAME" or (ROOT / "configs" / f"{name}.py").exists(), name


def test_the_root_readme_is_short_and_quotes_the_results():
  page = (ROOT / "README.md").read_text()
  assert page.count("\n") <= 150
  assert len(page.encode()) <= 10_000
  measured = (ROOT / "results" / "gap" / "tables.md").read_text()
  quoted = re.findall(r"\d[\d.]* \[[\d.]+, [\d.]+\]", page)
  assert len(quoted) >= 6
  assert all(number in measured for number in quoted)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs").glob("*.py")))
def test_every_config_has_a_row(name):
  assert f"[`{name}.py`]({name}.py)" in CONFIGS


def test_every_field_and_argument_has_a_row():
  rows = re.findall(r"^\| (`[^|]*) \|", CONFIGS, re.M)
  named = set(re.findall(r"`(\w+)`", " ".join(rows)))
  assert set(config.base("vae").keys()) <= named
  for method in methods.METHODS:
    assert methods.defaults(method).keys() <= named, method


def test_the_fields_of_the_readme_are_those_of_the_help():
  """Names, defaults and meanings, without links."""
  table = CONFIGS.split("## Fields")[1].split("## ")[0]
  rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", table, re.M)
  assert {name: re.sub(r"\[(.*?)\]\(.*?\)", r"\1", meaning) for name, _, meaning in rows} == field_help.FIELDS
  assert list(field_help.FIELDS) == [name for name, _, _ in rows]
  for name, default, _ in rows:
    value = config.base("vae")[name]
    assert default.strip('`"') == ("" if name in ("method", *field_help.NESTED) else str(value)), name
