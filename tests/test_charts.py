"""Charts of the report: what their marks say and where they are, scales, names, and the script's values."""

import json
import math
import re
from xml.etree import ElementTree

import browser
import numpy as np
import pytest
import written

from gengap.families import FAMILIES
from gengap.report import charts, columns, curves, figures, groups, inputs, page, run_files, scales, views
from gengap.report.axes import axis_of
from gengap.report.wording import with_interval

SVG = "{http://www.w3.org/2000/svg}"


def one(folder):
  (found,) = groups.comparisons([run_files.read(f) for f in inputs.find_runs([str(folder)])])
  return found


def every(found):
  """Returns all charts of a comparison."""
  drawn = [*figures.planes(found, views.final), *figures.panels(found, views.final)]
  return [*drawn, *figures.tradeoffs(found, views.final), *curves.curves(found), *curves.losses(found)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = written.grid(tmp_path_factory.mktemp("grid"))
  path = folder / "vae/0/eval/40.json"
  points = {"temperature": [0.5, 1.0, 1.5], "coverage": [0.1, 0.3, 0.4], "precision": [0.8, 0.6, 0.3]}
  real = {"precision": 0.95, "coverage": 0.9, "of": "test"}
  block = {"area": 0.3, "points": points, "real": real, "protocol": {}}
  written.write(path, json.loads(path.read_text()) | {"curve": block})
  return one(folder)


SCALES = (
  (scales.linear, [12, 17]),
  (scales.linear, [100, 30000]),
  (scales.linear, [3, 3]),
  (scales.linear, [math.nan]),
  (scales.logarithmic, [12, 17]),
  (scales.logarithmic, [1, 99]),
  (scales.logarithmic, [1e-3, 1e5]),
  (scales.logarithmic, [1e12, 3e13]),
  (scales.logarithmic, [5]),
  (scales.logarithmic, [0]),
  (scales.symmetric, [0.1, 0.4]),
  (scales.symmetric, [-5000, 3e6]),
  (scales.symmetric, [-1, 0.2]),
  (scales.symmetric, [-1e-9, 0]),
)


@pytest.mark.parametrize(("scale", "values"), SCALES)
def test_a_scale_has_two_to_six_ticks_as_plain_numbers_between_its_ends(scale, values):
  found = scale(values, 40, 340)
  ticks = found.labelled(5)
  assert 2 <= len(ticks) <= 6
  places = [found.at(tick) for tick, _ in ticks]
  assert places == sorted(places) and places[0] > 40 - 1e-9 and places[-1] <= 340 + 1e-9
  assert max(places[0] - 40, 340 - places[-1]) < 0.8 * 300  # no empty end
  for tick, words in ticks:
    assert float(words.replace(",", "")) == pytest.approx(tick, rel=1e-5, abs=1e-12)
    assert len(words) <= 8 and "e+" not in words and "e-0" not in words
  assert len({words for _, words in ticks}) == len(ticks)


@pytest.mark.parametrize(("scale", "values"), SCALES)
def test_a_scale_holds_its_values_in_their_order(scale, values):
  found = scale(values, 340, 40)
  assert (found.at(found.low), found.at(found.high)) == pytest.approx((340, 40))
  inside = sorted(x for x in values if x > 0 or (scale is not scales.logarithmic and not math.isnan(x)))
  places = [found.at(x) for x in inside]
  assert places == sorted(places, reverse=True) and all(40 < x < 340 for x in places)


def test_a_logarithmic_scale_gives_equal_ratios_equal_lengths_and_a_symmetric_one_beyond_one_too():
  found = scales.logarithmic([1, 100], 0, 100)
  assert found.at(10) - found.at(1) == pytest.approx(found.at(100) - found.at(10))
  found = scales.symmetric([-100, 100], 0, 100)
  lengths = np.diff([found.at(x) for x in (-100, -10, -1, 0, 1, 10, 100)])
  assert lengths == pytest.approx([lengths[0]] * 6)


def test_charts_are_markup_that_names_itself_and_needs_nothing(made):
  found = every(made)
  assert len(found) == 2 + 7 + 1 + 4 + 2
  for chart in found:
    root = ElementTree.fromstring(chart.svg.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" '))
    assert root.attrib["role"] == "img" and root[0].tag == f"{SVG}title"
    assert root[0].text == chart.alt and len(chart.alt) > 20
    assert not re.search(r"(?:href|src|url|style|id)[=(]", chart.svg)


def test_a_panel_says_every_value_of_every_run_and_every_mean(made):
  column = columns.column(made, views.final, axis_of("precision"))
  svg = next(figures.panels(made, views.final)).svg
  for group in made.groups:
    (row,) = re.findall(rf'<g data-method="{group.name}" data-family="{group.family.name}">(.*?)</g>', svg)
    runs = dict(re.findall(r'h0" data-seed="(\d)" data-value="([^"]*)"', row))
    values = column[group.name].values
    assert {int(seed): float(value) for seed, value in runs.items()} == pytest.approx(values, rel=5e-3)
    ((mean, count),) = re.findall(r'class="mean" data-value="([^"]*)" data-runs="(\d)"', row)
    assert [float(x) for x in re.findall(r"[\d.]+", mean)] == pytest.approx(
      list(column[group.name].estimate[:3]), rel=5e-3
    )
    assert int(count) == len(values)
  assert re.search(r'<g class="real" data-name="real images"><path [^>]*data-value="0.9"/>', svg)


def test_a_missing_value_is_a_dash_that_says_why(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {}}, measures={"likelihood": {"bits_per_dimension": 0.2}})
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 1.0}})
  found = {chart.alt.partition(" on ")[0]: chart for chart in figures.panels(one(tmp_path), views.final)}
  rows = re.findall(r'data-method="(\w+)"[^>]*>(.*?)</g>', found["bits a dimension of images"].svg)
  dashes = {name: re.findall(r'data-value="([^"]*)">\N{EN DASH}</text>', row) for name, row in rows}
  assert dashes == {"vae": [], "wgan_gp": ["it has no likelihood"]}
  assert "wgan_gp" not in found["bits a dimension of images"].alt


def test_marks_stand_where_their_values_are(made):
  for chart in figures.panels(made, views.final):
    marks = re.findall(r'd="M([\d.]+) [\d.]+h0" data-seed="\d" data-value="([^"]*)"', chart.svg)
    x, values = np.array(marks, float).T
    if len(values) > 1:
      slope, offset = np.polyfit(values, x, 1)
      assert slope > 0
      assert np.abs(slope * values + offset - x).max() < 1 + 0.01 * abs(slope) * values.max()


def test_points_of_lines_are_the_values_of_the_curve_on_the_scales_of_the_chart(made):
  chart = next(curves.curves(made))
  told = [words.split() for words in re.findall(r'data-[xy]="([a-z]+ [^"]*)"', chart.svg)]
  x, y = (scales.Scale(*map(float, ends), kind=kind) for kind, *ends in told)  # pyright: ignore[reportArgumentType]
  assert (x.kind, y.kind) == ("linear", "log")
  points = re.findall(r'<polyline points="([^"]*)" data-seed="1"', chart.svg)[0]
  expected = made.groups[0].records[1].curve("valid/energy_distance")
  found = [tuple(map(float, point.split(","))) for point in points.split()]
  assert np.array(found) == pytest.approx(np.array([(x.at(a), y.at(b)) for a, b in expected]), abs=0.06)


def test_a_fidelity_coverage_curve_has_a_mark_for_each_temperature_and_a_large_one_at_1(made):
  (chart,) = figures.tradeoffs(made, views.final)
  (curve,) = re.findall(r'<g data-method="vae" data-family="VAE" data-seed="0">(.*?)</g>', chart.svg)
  small = re.findall(r'h0" class="run" data-value="([^"]*)"', curve)
  assert small == [
    f"temperature {t}: coverage {x}, precision {y}" for t, x, y in ((0.5, 0.1, 0.8), (1.5, 0.4, 0.3))
  ]
  assert re.findall(r'class="mean" data-value="([^"]*)"', curve) == [
    "temperature 1: coverage 0.3, precision 0.6"
  ]
  assert ">vae: area 0.300</text>" in chart.svg
  assert 'data-value="coverage 0.9; precision 0.95; test"' in chart.svg


def test_what_a_mean_of_one_run_is_drawn_from(tmp_path):
  found = one(written.grid(tmp_path, seeds=1))
  for chart in every(found):
    assert "nan" not in chart.svg and "inf" not in chart.svg
  assert 'data-runs="1"' in next(figures.panels(found, views.final)).svg
  assert 'class="mean" data-seed="0"' in next(curves.curves(found)).svg


def test_names_in_charts_are_text_of_limited_length(tmp_path):
  for i, args in enumerate(({"note": "$x^$<b>"}, {"note": '_"c'})):
    written.run(tmp_path / str(i), "vae", 0, {40: written.FLOORS}, config={"method_args": args})
  written.run(tmp_path / "long", "_" + "gan" * 50, 0, {40: written.FLOORS})
  found = one(tmp_path)
  for chart in (
    *figures.planes(found, views.final),
    *curves.curves(found),
    *figures.panels(found, views.final),
  ):
    assert ">vae (note $x^$&lt;b&gt;)</text>" in chart.svg
    assert 'data-method="vae (note _&quot;c)"' in chart.svg
    assert ">_gangan" in chart.svg
    assert all(len(words) < 90 for words in re.findall(">([^<]*)</text>", chart.svg))
  assert "$x^$" in page.render([found], [], "command")


def test_nothing_of_a_chart_lies_outside_of_it(made):
  for chart in every(made):
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', chart.svg)[0])
    assert width == charts.WIDTH
    for x, y in re.findall(r'(?:[dM]|points)="M?([\d.-]+)[ ,]([\d.-]+)', chart.svg):
      assert -0.1 <= float(x) <= width and 0 <= float(y) <= height
    for x, y, words in re.findall(r'<text(?: x="([\d.-]+)")? y="([\d.-]+)"[^>]*>([^<]*)<', chart.svg):
      assert 0 <= float(x or 0) <= width and 0 <= float(y) <= height, words


def test_a_legend_stands_in_as_many_columns_as_its_names_leave_room_for():
  for length, rows in ((5, 2), (20, 3), (28, 5)):
    styles = [charts.Style(str(i), "VAE") for i in range(5)]
    markup, end = charts.legend(styles, [str(i) * length for i in range(5)], 10)
    assert end == 10 + charts.ROW * rows
    assert len({tuple(at) for at in re.findall(r'<text x="(\d+\.?\d*)" y="(\d+\.?\d*)"', markup)}) == 5


def test_losses_are_of_their_method_and_coloured_by_player(made):
  charted = list(curves.losses(made))
  for group, chart in zip(made.groups, charted, strict=True):
    assert re.match(rf'<svg [^>]*data-method="{group.name}" data-family="{group.family.name}"', chart.svg)
    assert f'data-series="1" data-part="{group.first.players[0]}"' in chart.svg
    assert re.findall(r'<polyline [^>]*data-seed="(\d)"', chart.svg) == ["0", "1", "2"]


def test_colours_of_families_are_those_of_the_table_of_families():
  rules = r'^\[data-family="([^"]*)"\] \{ --family: (#\w+); \}'
  found = dict(re.findall(rules, page.all_files(".css"), re.MULTILINE))
  assert found == {family.name: family.colour.lower() for family in FAMILIES}


@pytest.fixture(scope="module")
def html(made):
  return page.render([made], [], "command").replace("<details", "<details open")


HOVER = """
  const at = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { clientX: left + width / 2, clientY: top + height / 2, bubbles: true };
  };
  const hover = (element) => {
    element.scrollIntoView({ block: "center" });
    const svg = element.closest("svg");
    svg.dispatchEvent(new PointerEvent("pointerenter", at(element)));
    element.dispatchEvent(new PointerEvent("pointermove", at(element)));
    return one(".value").textContent;
  };
"""


@browser.needed
def test_a_mark_shows_method_seed_and_value_to_the_pointer(html, made, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    HOVER
    + """
    const svg = all("svg.plot").find((each) => each.dataset.title.startsWith("recall on"));
    const row = svg.querySelector("[data-method=wgan_gp]");
    found.run = hover(row.querySelector("[data-seed='2']"));
    found.mean = hover(row.querySelector(".mean"));
    const { left, right, bottom } = one(".value").getBoundingClientRect();
    const mark = at(row.querySelector(".mean"));
    found.beside = left < mark.clientX && mark.clientX < right && Math.abs(bottom - mark.clientY) < 30;
    found.ring = svg.querySelectorAll(".ring").length;
    found.real = hover(svg.querySelector(".real path"));
    const { left: x, top: y } = svg.getBoundingClientRect();
    svg.dispatchEvent(new PointerEvent("pointermove", { clientX: x + 1, clientY: y + 1 }));
    found.far = one(".value").textContent;
    hover(row.querySelector(".mean"));
    svg.dispatchEvent(new PointerEvent("pointerleave"));
    found.left = one(".value").textContent;
    """,
  )
  recall = columns.column(made, views.final, axis_of("recall"))["wgan_gp"]
  assert found["run"] == f"wgan_gp, seed 2: {recall.values[2]:.3g}"
  assert found["mean"] == f"wgan_gp, mean of 3 runs: {with_interval(recall.estimate)}"
  assert found["real"] == "real images: 0.9"
  assert found["beside"] and found["ring"] == 1 and found["far"] == found["left"] == ""


@browser.needed
def test_a_point_of_a_line_shows_its_value_and_where(html, made, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    HOVER
    + """
    found.shown = all("svg.plot[data-x]").map((svg) => {
      svg.scrollIntoView({ block: "center" });
      const line = svg.querySelector("polyline[data-seed='1']"), last = line.points[line.points.length - 1];
      const { x, y } = new DOMPoint(last.x, last.y).matrixTransform(svg.getScreenCTM());
      svg.dispatchEvent(new PointerEvent("pointerenter"));
      svg.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y }));
      return one(".value").textContent;
    });
    """,
  )["shown"]
  assert found[0] in {
    f"vae, {who}: 0.025 at 40 generator updates" for who in ("seed 1", "mean of 3 runs", "seed 0")
  }
  assert " at 4e7 operations of training" in found[1]
  assert re.fullmatch(r"wgan_gp, critic, seed [012]: 0.025 at 40 generator updates", found[-1])


@browser.needed
def test_arrow_keys_walk_through_the_marks_of_a_focused_chart_that_no_filter_hides(html, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    """
    const svg = all("svg.plot").find((each) => each.dataset.title.startsWith("precision on"));
    const press = (key) => {
      svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      return one(".value").textContent.split(":")[0];
    };
    const focused = () => (svg.blur(), svg.focus());
    found.stops = svg.querySelectorAll("[tabindex]").length;
    focused();
    found.walk = ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown", "End", "ArrowUp", "Home"].map(press);
    found.escaped = press("Escape");
    svg.querySelectorAll("[data-seed='0']").forEach((mark) => mark.setAttribute("data-hidden", ""));
    svg.querySelector("[data-method=wgan_gp]").setAttribute("data-hidden", "");
    focused();
    found.filtered = ["Home", "End"].map(press);
    svg.blur();
    found.blurred = one(".value").textContent;
    found.said = [svg.getAttribute("role"), svg.tabIndex, one(".value").getAttribute("role")];
    """,
  )
  zero, one_, real = "vae, seed 0", "vae, seed 1", "real images"
  assert found["stops"] == 0
  assert found["walk"] == [zero, one_, zero, "wgan_gp, seed 0", real, "wgan_gp, mean of 3 runs", zero]
  assert found["filtered"] == [one_, real]
  assert found["escaped"] == found["blurred"] == ""
  assert found["said"] == ["application", 0, "status"]


@browser.needed
def test_a_chart_is_saved_as_a_file_of_its_own_in_its_colours(html, tmp_path):
  found = browser.visit(
    tmp_path,
    html,
    """
    const svg = all("svg.plot").find((each) => each.dataset.title.startsWith("precision against"));
    let blob;
    URL.createObjectURL = (given) => ((blob = given), "data:,");
    HTMLAnchorElement.prototype.click = function () { found.name = this.download; };
    found.before = all(".save").length;
    svg.focus();
    const save = one(".save"), box = save.getBoundingClientRect();
    const { right, top } = svg.getBoundingClientRect();
    found.corner = Math.abs(box.right - right) < 2 && Math.abs(box.top - top) < 2;
    save.focus();
    save.click();
    found.file = await blob.text();
    found.colour = getComputedStyle(svg.querySelector("[data-family=GAN] .mean")).fill;
    save.blur();
    found.after = all(".save").length;
    """,
  )
  assert (found["before"], found["after"], found["corner"]) == (0, 0, True)
  assert found["name"].endswith(".svg") and found["name"].startswith("precision-against-recall")
  root = ElementTree.fromstring(found["file"])
  (row,) = (g for g in root.iter(f"{SVG}g") if g.get("data-method") == "wgan_gp" and len(g) > 2)
  assert f"fill:{found['colour']}" in next(x for x in row if x.get("class") == "mean").attrib["style"]
  assert root.attrib["width"] == str(charts.WIDTH)


@browser.needed
@pytest.mark.parametrize("width", [390, 1366])
def test_text_in_charts_is_never_smaller_than_ten_pixels(html, tmp_path, width):
  framed = html.replace("</head>", f"<style>body {{ margin: 0; width: {width}px }}</style></head>")
  found = browser.visit(
    tmp_path,
    framed,
    """
    const size = (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    const outside = (each) => {
      const [box, whole] = [each, each.closest("svg")].map((one) => one.getBoundingClientRect());
      return box.left < whole.left - 1 || box.right > whole.right + 1 || box.bottom > whole.bottom + 1;
    };
    found.sizes = all("svg.plot text").map(size);
    found.over = all("svg.plot :is(text, path, polyline)").filter(outside).map((each) => each.outerHTML);
    found.width = Math.max(...all("svg.plot").map((svg) => svg.getBoundingClientRect().right));
    """,
  )
  assert min(found["sizes"]) >= 10
  assert not found["over"] and found["width"] <= width


@browser.needed
def test_the_filter_of_the_page_hides_marks_and_charts_of_others(html, tmp_path):
  shown = """
    await wait();
    const visible = (selector) => all(selector).filter(shown);
    found.methods = [...new Set(visible("svg.plot g[data-method]").map((each) => each.dataset.method))];
    found.losses = visible("svg.plot[data-method]").map((each) => each.dataset.method);
    found.seeds = [...new Set(visible("svg.plot [data-seed]").map((each) => each.dataset.seed))];
    found.real = visible("svg.plot .real path").length > 0;
  """
  both = browser.visit(tmp_path, html, shown)
  assert both == {
    "methods": ["vae", "wgan_gp"],
    "losses": ["vae", "wgan_gp"],
    "seeds": ["0", "1", "2"],
    "real": True,
  }
  family = browser.visit(tmp_path, html, shown, fragment="#;family=GAN")
  assert family == both | {"methods": ["wgan_gp"], "losses": ["wgan_gp"]}
  assert browser.visit(tmp_path, html, shown, fragment="#;seed=1") == both | {"seeds": ["1"]}
