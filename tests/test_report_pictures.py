"""The pictures of the report: which are chosen, stored and read again, and what a browser does with them."""

import io
import math
import re
import shutil
from types import SimpleNamespace

import browser
import jax.numpy as jnp
import numpy as np
import pytest
import test_train
import written
from PIL import Image

import gengap
from gengap import report
from gengap.data.scale import to_uint8
from gengap.probes import PROBES
from gengap.report import explorer, gallery, grids, groups, inputs, probe_pictures
from gengap.training import loop


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


def test_the_step_that_is_shown_is_the_last_up_to_a_step_or_the_last():
  assert grids.last_up_to({10, 20, 40}, 30) == grids.last_up_to({10, 20, 40}, 20) == 20
  assert grids.last_up_to({20, 40}, 10) == 40


@browser.needed
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
  found = browser.visit(tmp_path, made.page.read_text(), HELP + script, 1366)
  assert found["first"] == ["0 40", "0 40", "0 0"]
  assert found["early"] == ["0 10", "0 20", "0 0"]
  assert found["captions"][0] == "vae: step 10, seed 0, 4 latents"
  assert found["text"] == "10 updates"
  assert found["middle"] == ["0 30", "0 20", "0 0"]
  assert found["other"] == ["1 40", "1 40", "0 0"]
  assert found["third"] == ["2 40", "0 40", "0 0"]
  assert found["moved"] == 0


@browser.needed
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
  found = browser.visit(tmp_path, made.page.read_text(), HELP + script, 1366)
  is_open, alt, width = found["opened"]
  assert is_open
  assert alt == "Grid of samples of vae: vae: step 40, seed 0, 4 latents"
  assert width >= 22 * 10
  assert width % 22 == 0
  assert found["next"][1].startswith("Grid of samples of wgan_gp")
  assert found["around"][1].startswith("Grid of real images")
  assert not found["closed"]
  assert found["focus"]


@browser.needed
def test_the_filtered_seed_is_the_seed_of_the_pictures(made, tmp_path):
  script = """
    const filter = document.getElementById("filter");
    filter.elements.seed.value = "1";
    filter.dispatchEvent(new Event("change", { bubbles: true }));
    found.shown = shown();
    found.seen = [...area.querySelectorAll("img")].filter((one) => one.offsetParent).length;
  """
  found = browser.visit(tmp_path, made.page.read_text(), HELP + script, 1366)
  assert found == {"shown": ["1 40", "1 40", "0 0"], "seen": 3}


class Painter:
  """A run whose images show the first two coordinates of their latents as brightness of their halves."""

  def __init__(self, step=40, latents=4, conditional=False, side=8, noise=0):
    self.step, self.side, self.noise = step, side, noise
    self.method = SimpleNamespace(generate=True, latent_dim=latents, conditional=conditional)

  def generate(self, z):
    directions = explorer.directions(self.method.latent_dim)
    at = np.asarray(z) @ directions / self.method.latent_dim**0.5 / explorer.REACH  # in [-1, 1]
    images = np.repeat(np.repeat(at[:, None, :, None], self.side, 1), self.side // 2, 2)
    return jnp.asarray(images + self.noise * np.random.default_rng(0).uniform(-1, 1, images.shape)).clip(
      -1, 1
    )


@pytest.fixture
def painted(monkeypatch, tmp_path):
  """Returns a function that writes a VAE and a GAN with checkpoints that a painter stands for."""

  def paint(steps=(20, 40), **fields):
    monkeypatch.setattr(explorer.runs, "steps", lambda _: list(steps))
    monkeypatch.setattr(explorer.runs, "load", lambda _, step: Painter(step, **fields))
    for method in ("vae", "wgan_gp"):
      trained(tmp_path / "runs", method, 1)
      (tmp_path / "runs" / method / "0" / "checkpoints").mkdir()
    return compared(tmp_path / "runs")

  return paint


def pixels(data):
  with Image.open(io.BytesIO(data)) as opened:
    return np.asarray(opened.convert("RGB")).astype(int)[..., 0]


def test_codes_lie_on_a_plane_through_the_origin():
  codes = explorer.codes(32)
  assert codes.shape == (81, 32)
  np.testing.assert_allclose(codes[40], 0, atol=1e-6)
  np.testing.assert_allclose(codes[0], -codes[-1], atol=1e-6)
  assert np.linalg.matrix_rank(codes, tol=1e-4) == 2
  np.testing.assert_allclose(
    np.linalg.norm(codes[44]), explorer.REACH * 32**0.5, rtol=1e-5
  )  # end of the middle row
  np.testing.assert_array_equal(codes, explorer.codes(32))
  assert abs(codes[44] @ codes[4]) < 1e-4  # the directions are orthogonal
  across, up = (codes @ explorer.directions(32)).reshape(9, 9, 2).transpose(2, 0, 1)
  assert (np.diff(across, axis=1) > 0).all() and (np.diff(up, axis=0) < 0).all()  # as a map: up is upwards


def test_rows_and_columns_of_the_picture_are_coordinates(painted):
  found, reasons = explorer.planes(painted())
  assert [(plane.method, plane.step, plane.latents, plane.label) for plane in found] == [
    ("vae", 40, 4, ""),
    ("wgan_gp", 40, 4, ""),
  ]
  assert not reasons
  shown = pixels(found[0].picture)
  assert shown.shape == (72, 72)
  assert shown[0, 0] < 5  # the first coordinate, in the left half of an image, rises from column to column
  assert shown[0, 64] > 250
  assert shown[0, 7] > 250  # the second, in the right half, falls from row to row
  assert shown[71, 7] < 5


def test_the_plane_is_of_equal_updates(painted):
  assert {plane.step for plane in explorer.planes(painted((10, 30, 80)))[0]} == {30}


def test_large_pictures_are_made_smaller(painted, monkeypatch):
  monkeypatch.setattr(explorer, "MOST_BYTES", 20_000)
  (plane, _), _ = explorer.planes(painted(side=96, noise=0.3, conditional=True))
  assert pixels(plane.picture).shape == (9 * 64, 9 * 64)
  assert len(plane.picture) <= 20_000
  assert plane.label == "class 0"


@pytest.mark.parametrize(
  ("fields", "said"),
  [
    ({"latents": 1}, "no checkpoint with at least two"),
    ({"noise": math.nan}, "no checkpoint"),
  ],
)
def test_what_cannot_be_explored_is_said(painted, fields, said):
  found, (reason,) = explorer.planes(painted(**fields))
  assert not found
  assert reason.startswith("There is no latent explorer of vae and wgan_gp: ")
  assert said in reason


def test_runs_without_checkpoints_and_images_alone_have_no_explorer(tmp_path):
  trained(tmp_path, seeds=1)
  images = written.images(tmp_path / "gan.json", "torch_gan", "GAN")
  assert explorer.planes(compared(tmp_path, images)) == (
    [],
    [
      "There is no latent explorer of torch_gan: there are images of it alone.",
      "There is no latent explorer of vae: no checkpoint with at least two latents was found.",
    ],
  )
  html = report.make([tmp_path], tmp_path / "out").page.read_text()
  assert "There is no latent explorer of vae" in html
  assert 'class="explorer"' not in html


def without_command(report):
  """Returns a page without the section that says which command made it."""
  return re.sub(r"(?s)<section id=.again.*?</section>", "", report.page.read_text())


def test_the_explorer_is_stored_and_read_again(painted, tmp_path, monkeypatch):
  painted()
  first = report.make([tmp_path / "runs"], tmp_path / "out")
  planes = explorer.planes(first.comparisons[0])
  monkeypatch.setattr(explorer.runs, "load", None)  # no checkpoint is asked for
  again = report.make([first.scores], tmp_path / "again")
  assert explorer.planes(again.comparisons[0]) == planes
  assert without_command(again) == without_command(first)
  assert (tmp_path / "again/samples/blobs_single_8x8/vae/0/explorer.webp").exists()
  (tmp_path / "out/samples/blobs_single_8x8/vae/0/explorer.json").write_text("{")
  (plane,), (reason,) = explorer.planes(compared(first.scores))
  assert plane.method == "wgan_gp"
  assert "of vae" in reason


def test_a_plane_is_generated_from_a_checkpoint(tmp_path):
  config = test_train.config(
    "vae", steps=2, checkpoint_every=1, eval_every=1, sample_every=1, keep_checkpoints=9
  )
  loop.train(config, tmp_path / "vae")
  written.write(tmp_path / "vae/eval/1.json", {"step": 1, "samples": {"scores": {}}})
  ((plane,), reasons) = explorer.planes(compared(tmp_path))
  assert not reasons
  assert (plane.step, plane.latents) == (2, 4)
  run = gengap.load(tmp_path / "vae")
  expected = to_uint8(np.asarray(run.generate(explorer.codes(4))))[8 * 9 + 2, 3, 5, 0]  # row 8, column 2
  assert pixels(plane.picture)[8 * 8 + 3, 2 * 8 + 5] == expected


def probed(folder, *names, step=40, width=300):
  """Writes pictures of probes as they are drawn, of noise."""
  for name in names:
    path = folder / "probes" / str(step) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(name)).integers(0, 256, (200, width, 3), np.uint8)
    Image.fromarray(noise).save(path)
    written.write(
      path.with_suffix(".json"), {"protocol": {}, "numbers": {}, "command": "python -m gengap.probe"}
    )
  return folder


def test_pictures_of_probes_stand_side_by_side(tmp_path):
  for method, names in {"vae": ("interpolation", "inversion"), "wgan_gp": ("interpolation",)}.items():
    trained(tmp_path / "runs", method, 2)
    probed(tmp_path / "runs" / method / "1", *names)
  probed(tmp_path / "runs/vae/1", "interpolation", step=60)  # after equal updates
  first = report.make([tmp_path / "runs"], tmp_path / "out")
  shown = gallery.of(first.comparisons[0]).probes
  assert [[strip.pictures[0].caption for strip in row] for _, row in shown] == [
    ["vae: interpolation, step 40, seed 1", "wgan_gp: interpolation, step 40, seed 1"],
    ["vae: inversion, step 40, seed 1"],
  ]
  assert PROBES["interpolation"].question in first.page.read_text()
  again = report.make([first.scores], tmp_path / "again")
  assert gallery.of(again.comparisons[0]).probes == shown
  assert without_command(again) == without_command(first)


def test_another_method_of_the_family_stands_for_one_without_pictures(tmp_path):
  for method in ("vae", "vae_b", "wgan_gp"):
    trained(tmp_path, method, 1)
  probed(tmp_path / "vae_b/0", "traversal")
  assert probe_pictures.found(compared(tmp_path)).popitem()[1][0].method == "vae_b"


def test_large_pictures_of_probes_lose_a_little(tmp_path):
  probed(trained(tmp_path, "vae", 1) / "vae/0", "inversion", width=900)
  ((_, (strip,)),) = gallery.of(compared(tmp_path)).probes
  assert (strip.pictures[0].width, strip.pictures[0].height) == (900, 200)
  assert len(strip.pictures[0].source) < 4 / 3 * probe_pictures.MOST_BYTES + 100


def test_damaged_pictures_of_probes_are_said(tmp_path):
  probed(trained(tmp_path, "vae", 1) / "vae/0", "inversion")
  (tmp_path / "vae/0/probes/40/inversion.png").write_text("no picture")
  found = gallery.of(compared(tmp_path))
  assert not found.probes
  assert "inversion.png cannot be shown" in found.missing[-1]


@browser.needed
def test_sliders_move_over_the_latents_of_both_models(painted, tmp_path):
  painted()
  html = report.make([tmp_path / "runs"], tmp_path / "out").page.read_text()
  script = """
    const explorer = document.querySelector(".explorer");
    const { first, second } = explorer.querySelector("form").elements;
    const state = () => [...explorer.querySelectorAll(".at")].map((box) => {
      const [outer, inner] = [box.getBoundingClientRect(), box.firstChild.getBoundingClientRect()];
      return [outer.left - inner.left, outer.top - inner.top].map((x) => Math.round(x / outer.width));
    });
    const words = () => [...explorer.querySelectorAll("output")].map((one) => one.textContent);
    found.number = explorer.querySelectorAll(".at").length;
    found.start = [state(), words()];
    first.value = 8, second.value = 0;
    first.dispatchEvent(new Event("input", { bubbles: true }));
    found.corner = [state(), words(), first.getAttribute("aria-valuetext")];
    const map = explorer.querySelector(".map");
    const { left, top, width, height } = map.getBoundingClientRect();
    const at = { clientX: left + (width * 1.5) / 9, clientY: top + (height * 0.5) / 9, bubbles: true };
    map.dispatchEvent(new PointerEvent("pointerdown", at));
    found.pointed = [state(), words()];
  """
  found = browser.visit(tmp_path, html, HELP + script, 1366)
  assert found["number"] == 2
  assert found["start"] == [[[4, 4]] * 2, ["0.0", "0.0"]]
  assert found["corner"] == [[[8, 8]] * 2, ["1.2", "\u22121.2"], "1.2"]
  assert found["pointed"] == [[[1, 0]] * 2, ["\u22120.9", "1.2"]]
