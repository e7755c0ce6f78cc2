"""The pictures of the report: which are chosen, stored and read again, and what a browser does with them."""

import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
import written
from PIL import Image

from gengap import report
from gengap.report import gallery, grids, groups, inputs

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def picture(path, value=0, cells=2, size=8):
  """Writes a grid of cells x cells images of one brightness each, as training does."""
  grid = np.full((cells * (size + 2) + 2, cells * (size + 2) + 2, 3), 255, np.uint8)
  for i in range(cells**2):
    y, x = (at * (size + 2) + 2 for at in divmod(i, cells))
    grid[y : y + size, x : x + size] = (value + 20 * i) % 256
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.kron(grid, np.ones((2, 2, 1), np.uint8))).save(path)
  return path


def trained(folder, method="vae", seeds=2, steps=(10, 20, 30, 40)):
  """Writes runs with a grid at each of some steps."""
  for seed in range(seeds):
    scores = {step: {"recall": 0.5, "precision": 0.5} for step in steps}
    run = written.run(folder / method / str(seed), method, seed, scores)
    shutil.rmtree(run / "samples")
    for step in ("real", *steps):
      picture(run / "samples" / f"{step}.png", 0 if step == "real" else int(step) + seed)
  return folder


def compared(*paths):
  (found,) = groups.comparisons(inputs.read_all(inputs.find_runs(paths))[0])
  return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pictured")
  trained(folder / "runs", "vae", 3)
  trained(folder / "runs", "wgan_gp", 2, (20, 40))
  return report.make([folder / "runs"], folder / "out")


def test_a_page_has_steps_of_the_first_run_and_the_last_step_of_others(made):
  vae, gan, real = gallery.of(made.comparisons[0]).samples
  assert [(one.seed, one.step) for one in vae.pictures] == [
    (0, 10),
    (0, 20),
    (0, 30),
    (0, 40),
    (1, 40),
    (2, 40),
  ]
  assert [(one.seed, one.step) for one in gan.pictures] == [(0, 20), (0, 40), (1, 40)]
  assert [one.shown for one in gan.pictures] == [False, True, False]
  assert [one.caption for one in real.pictures] == ["real images"]


def test_pictures_are_lossless_and_at_most_sixteen_samples(tmp_path):
  path = picture(tmp_path / "40.png", cells=8)
  small = grids.shrunk(grids.Grid("", path, 8, "", ""))
  (tmp_path / "40.webp").write_bytes(small)
  with Image.open(tmp_path / "40.webp") as shown, Image.open(path) as stored:
    assert shown.size == (4 * 10 + 2, 4 * 10 + 2)
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(stored)[::2, ::2][:42, :42])


def test_steps_are_evenly_spaced_with_the_last(monkeypatch, tmp_path):
  trained(tmp_path, seeds=1, steps=tuple(range(1, 41)))
  ((found),) = grids.chosen(compared(tmp_path))
  steps = [grid.step for grid in found]
  assert len(steps) == 5
  assert steps[0] == 1
  assert steps[-1] == 40
  assert max(np.diff(steps)) - min(np.diff(steps)) <= 1


def test_pictures_that_are_too_large_are_fewer(monkeypatch, tmp_path):
  trained(tmp_path, seeds=2)
  found = compared(tmp_path)
  one = grids.bytes_of(next(grids.grids(found)))
  monkeypatch.setattr(grids, "MOST_BYTES", 3 * one)
  assert [(grid.seed, grid.step) for grid in grids.chosen(found)[0]] == [(0, 10), (0, 40), (1, 40)]
  monkeypatch.setattr(grids, "MOST_BYTES", 0)
  assert [(grid.seed, grid.step) for grid in grids.chosen(found)[0]] == [(0, 40)]


def test_methods_are_shown_after_equal_updates(tmp_path):
  trained(tmp_path, "vae", 1)
  written.run(tmp_path / "gan", "wgan_gp", 0, {20: {"recall": 0.5}}, steps=20, config={"steps": 20})
  assert {grid.method: grid.step for grid in grids.grids(compared(tmp_path))} == {
    "vae": 20,
    "wgan_gp": 20,
    "": 0,
  }


def test_a_damaged_picture_does_not_hide_the_others(tmp_path):
  trained(tmp_path, seeds=1)
  (tmp_path / "vae/0/samples/40.png").write_text("no picture")
  found = gallery.of(compared(tmp_path))
  assert [(one.step, one.shown) for one in found.samples[0].pictures] == [
    (10, False),
    (20, False),
    (30, True),
  ]
  assert "40.png cannot be shown" in found.missing[0]


def test_the_files_beside_a_page_make_the_same_pictures(made, tmp_path):
  again = report.make([made.scores], tmp_path / "again")
  assert list(map(gallery.of, again.comparisons)) == list(map(gallery.of, made.comparisons))
  stored = sorted(path.relative_to(made.page.parent) for path in made.page.parent.rglob("*.webp"))
  assert len(stored) == 10
  assert (
    sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.webp")) == stored
  )


def test_one_folder_of_all_runs_is_that_of_the_first(made, tmp_path):
  """As gengap 0.2 stored it."""
  shutil.copytree(made.page.parent, tmp_path / "old")
  found = json.loads((tmp_path / "old/scores.json").read_text())
  for run in found["runs"]:
    run["samples"] = run["samples"].rpartition("/")[0] + "/0"
  (tmp_path / "old/scores.json").write_text(json.dumps(found))
  vae, *_ = gallery.of(compared(tmp_path / "old/scores.json")).samples
  assert {one.seed for one in vae.pictures} == {0}


def browse(html, script, folder):
  """Opens a page, runs a script that fills `found`, and returns that. Nothing may be said on the console."""
  check = f"""<script>addEventListener("load", async () => {{
    const found = {{}};
    try {{ {script} }} catch (error) {{ found.error = String(error); }}
    document.body.innerHTML = "";
    document.title = JSON.stringify(found);
  }});</script>"""
  (folder / "page.html").write_text(html.replace("</body>", check + "</body>"))
  command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1366,900"]
  command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
  shown = subprocess.run(
    [*command, (folder / "page.html").as_uri()],
    capture_output=True,
    text=True,
    timeout=120,
    env=os.environ | {"HOME": str(folder)},
  )
  title = re.search(r"<title>(.*?)</title>", shown.stdout)
  assert title
  assert "CONSOLE" not in shown.stderr
  return json.loads(title[1].replace("&quot;", '"').replace("&amp;", "&"))


in_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH")
HELP = """
  const area = document.querySelector(".samples");
  for (let each = area; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  const captions = () => [...area.querySelectorAll("figcaption")].map((one) => one.textContent);
  const visible = () => [...area.querySelectorAll("img:not([hidden])")];
  const shown = () => visible().map((one) => `${one.dataset.of} ${one.dataset.at}`);
  const set = (name, value) => {
    const field = area.querySelector("form").elements[name];
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
"""


@in_browser
def test_a_reader_chooses_the_step_and_the_seed(made, tmp_path):
  script = """
    found.first = shown();
    found.height = area.offsetHeight;
    set("at", 0);
    found.early = shown(), found.captions = captions();
    found.text = area.querySelector("output").textContent;
    set("at", 2);
    found.middle = shown();
    set("of", "1");
    found.other = shown();
    set("at", 3), set("of", "2");
    found.third = shown();
    found.moved = area.offsetHeight - found.height;
  """
  found = browse(made.page.read_text(), HELP + script, tmp_path)
  assert found["first"] == ["0 40", "0 40", "0 0"]
  assert found["early"] == ["0 10", "0 20", "0 0"]
  assert found["captions"][0] == "vae: step 10, seed 0, 4 latents"
  assert found["text"] == "10 updates"
  assert found["middle"] == ["0 30", "0 20", "0 0"]
  assert found["other"] == ["1 40", "1 40", "0 0"]
  assert found["third"] == ["2 40", "0 40", "0 0"]
  assert found["moved"] == 0


@in_browser
def test_pictures_are_enlarged_by_click_and_keyboard(made, tmp_path):
  script = """
    const dialog = document.querySelector("dialog");
    const [vae] = area.querySelectorAll(".zoom button");
    vae.focus();
    vae.click();
    const state = () => [dialog.open, dialog.querySelector("img").alt, dialog.querySelector("img").width];
    found.opened = state();
    dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    found.next = state();
    dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
    dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
    found.around = state();
    dialog.querySelector("[data-close]").click();
    found.closed = dialog.open, found.focus = document.activeElement === vae;
  """
  found = browse(made.page.read_text(), HELP + script, tmp_path)
  is_open, alt, width = found["opened"]
  assert is_open
  assert alt == "Grid of samples of vae: vae: step 40, seed 0, 4 latents"
  assert width >= 22 * 10
  assert width % 22 == 0
  assert found["next"][1].startswith("Grid of samples of wgan_gp")
  assert found["around"][1].startswith("Grid of real images")
  assert not found["closed"]
  assert found["focus"]


@in_browser
def test_the_filtered_seed_is_the_seed_of_the_pictures(made, tmp_path):
  script = """
    const filter = document.getElementById("filter");
    filter.elements.seed.value = "1";
    filter.dispatchEvent(new Event("change", { bubbles: true }));
    found.shown = shown();
    found.seen = [...area.querySelectorAll("img")].filter((one) => one.offsetParent).length;
  """
  found = browse(made.page.read_text(), HELP + script, tmp_path)
  assert found == {"shown": ["1 40", "1 40", "0 0"], "seen": 3}
