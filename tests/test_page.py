"""The page in a browser: what is folded, found, filtered, remembered and read aloud."""

import json
import os
import pathlib
import re

import browser
import pytest
import written

from gengap import report

CLAIMS = [
  {"id": f"A{i}", "claim": f"Claim {i}", "measured": "0.5", "n": "3 seeds", "budget": "", "where": where}
  | {"verdict": verdict}
  for i, (verdict, where) in enumerate(
    [("supported: twice", "evidence"), ("depends: on beta", ""), ("supported", "nowhere")]
  )
]


@pytest.fixture(scope="module")
def html(tmp_path_factory):
  folder = written.grid(tmp_path_factory.mktemp("grid"))
  (folder / "evidence").mkdir()
  (folder / "claims.json").write_text(json.dumps(CLAIMS))
  return report.make(
    [folder / "vae", folder / "wgan_gp"], folder / "out", folder / "claims.json"
  ).page.read_text()


@browser.needed
def test_sections_are_closed_and_a_link_opens_what_it_leads_to(html, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    """
    await wait();
    found.open = all("main section > details[open]").length;
    found.address = location.hash;
    const section = one("main section[data-section]").id;
    location.hash = section + "-numbers";
    await wait();
    found.opened = all("main section > details[open]").map((each) => each.id.replace(section, ""));
    await wait();
    found.hash = decodeURIComponent(location.hash).replaceAll(section, "");
    """,
  )
  assert found["open"] == 0
  assert not found["address"]
  assert found["opened"] == ["-numbers"]
  assert found["hash"].startswith("#-numbers;open=-numbers")


@browser.needed
def test_the_filter_hides_the_others_and_the_address_brings_it_back(html, tmp_path):
  filtered = """
    const rows = all("tr[data-method]").filter((row) => !row.hasAttribute("data-hidden"));
    found.rows = [...new Set(rows.map((row) => row.dataset.method))];
    found.filtered = one("#filtered").textContent;
  """
  change = """
    const select = one("#filter select[name=method]");
    found.choices = [...select.options].map((option) => option.value);
    select.value = "wgan_gp";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    found.hash = location.hash;
  """
  found = browser.visit(tmp_path, html, change + filtered)
  assert found["choices"] == ["", "vae", "wgan_gp"]
  assert found["rows"] == ["wgan_gp"]
  assert found["filtered"] == ": wgan_gp"
  again = browser.visit(tmp_path, html, filtered, fragment=found["hash"])
  assert again["rows"] == ["wgan_gp"]
  reset = 'one("#filter button").click(); await wait();'
  assert browser.visit(tmp_path, html, reset + filtered, fragment=found["hash"])["rows"] == ["vae", "wgan_gp"]


@browser.needed
def test_the_address_holds_a_name_of_any_signs(tmp_path):
  name = "a=b; c, 50 % #1"
  html = report.make([*runs_named(tmp_path, name)], tmp_path / "out").page.read_text()
  change = """
    const select = one("#filter select[name=method]");
    select.value = [...select.options].map((option) => option.value).find((value) => value.startsWith("a=b"));
    select.dispatchEvent(new Event("change", { bubbles: true }));
    found.hash = location.hash;
  """
  found = browser.visit(tmp_path, html, change)
  again = "found.chosen = one('#filter select[name=method]').value;"
  assert browser.visit(tmp_path, html, again, fragment=found["hash"])["chosen"] == name
  assert browser.visit(tmp_path, html, again, fragment="#%;method=wgan_gp")["chosen"] == "wgan_gp"


def runs_named(folder, name):
  """Returns a run of a VAE-like method of some name, and one of a GAN."""
  scores = {40: {"precision": 0.5, "recall": 0.5}}
  return (
    written.run(folder / "runs/0", name, scores=scores, made={"family": "VAE"}),
    written.run(folder / "runs/1", "wgan_gp", scores=scores),
  )


def test_the_name_of_a_method_begins_as_it_is_written(tmp_path):
  scores = {40: {"precision": 0.5, "recall": 0.5}}
  runs = [written.run(tmp_path / name, name, scores=scores) for name in ("gan", "wgan_gp")]
  html = report.make(runs, tmp_path / "out").page.read_text()
  assert '<b data-family="GAN">gan</b>' in html and "Gan" not in html


def test_data_sets_whose_names_differ_in_signs_alone_have_ids_of_their_own(tmp_path):
  runs = []
  for i, data in enumerate(("my data", "my_data", "\N{CJK UNIFIED IDEOGRAPH-732B}")):
    config = {"dataset": data}
    runs.append(written.run(tmp_path / str(i), scores={40: {"precision": 0.5}}, config=config))
  html = report.make(runs, tmp_path / "out").page.read_text()
  ids = re.findall(r'<section id="([^"]*)" data-section', html)
  assert ids == ["my-data-8x8", "my-data-8x8-2", "8x8"]
  every = re.findall(r' id="([^"]*)"', html)
  assert len(every) == len(set(every))


@browser.needed
def test_a_term_shows_its_definition_to_pointer_keyboard_and_screen_reader(html, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    """
    all("details").forEach((each) => (each.open = true));
    const tip = one("#tip"), term = all(".term").find((each) => each.hash === "#definition-coverage");
    found.described = document.getElementById(term.getAttribute("aria-describedby")).textContent;
    found.before = tip.hidden;
    term.dispatchEvent(new Event("pointerenter"));
    found.hovered = tip.textContent;
    term.dispatchEvent(new Event("pointerleave"));
    found.after = tip.hidden;
    term.focus();
    found.focused = !tip.hidden && tip.textContent;
    dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    found.escaped = tip.hidden;
    """,
  )
  assert found["described"]
  assert found["hovered"] == found["focused"] == found["described"]
  assert found["before"] and found["after"] and found["escaped"]


@browser.needed
def test_claims_are_cards_that_are_chosen_by_verdict_and_lead_to_their_evidence(html, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    """
    found.chips = all("button.chip").map((chip) => chip.textContent);
    all("button.chip")[1].click();
    await wait();
    found.shown = all(".card").filter(shown).map((card) => card.id);
    found.pressed = all("button.chip").map((chip) => chip.getAttribute("aria-pressed"));
    found.links = all(".card").map((card) => card.querySelector("a")?.getAttribute("href") ?? "");
    """,
  )
  assert found["chips"] == ["all 3", "depends 1", "supported 2"]
  assert found["shown"] == ["claim-A1"]
  assert found["pressed"] == ["false", "true", "false"]
  assert found["links"] == ["../evidence", "", ""]


@browser.needed
@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_is_wider_than_the_window(html, tmp_path, width):
  wide = """
    all("details").forEach((each) => (each.open = true));
    found.wide = document.documentElement.scrollWidth - innerWidth;
  """
  assert browser.visit(tmp_path, html, wide, width)["wide"] <= 0


AXE = os.environ.get("AXE_CORE", "")


@browser.needed
@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe.min.js of npm's axe-core")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(html, tmp_path, dark):
  run = """
    all("details").forEach((each) => (each.open = true));
    const result = await axe.run();
    found.passes = result.passes.length;
    const where = (one) => one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120));
    found.violations = result.violations.map((one) => [one.id, where(one)]);
  """
  page = html.replace("</head>", f"<script>{pathlib.Path(AXE).read_text()}</script></head>")
  found = browser.visit(tmp_path, page, run, dark=dark)
  assert found["passes"] > 20
  assert found["violations"] == []
