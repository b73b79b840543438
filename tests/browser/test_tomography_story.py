"""A person's work with the tomography dashboard: in JupyterLab, behind a prefix, and in Voila."""

import json
import re
import shutil
import struct
from pathlib import Path

import acting
import labkit
import pytest
from fake import write_large_ensemble

from seisnb.datasets import fetch

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAKE = Path(__file__).parents[1] / "dashboards"
CODE = f"""\
import sys
sys.path.insert(0, {str(FAKE)!r})
from fake import land_survey, make_invert, marine_ensemble
from seisnb.dashboards import TomographyDashboard
app = TomographyDashboard(%s)
app
"""
N_MEMBERS = 80


@pytest.fixture
def shipped(notebooks):
    """The notebook that is shipped, in the served folder."""
    return Path(shutil.copy(labkit.REPOSITORY / "notebooks" / "dashboard.ipynb", notebooks))


def load_and_mute(page):
    """Open the Koenigsee line and take some of its picks out."""
    line, curves = fetch("koenigsee"), "Travel-time curves"
    earlier = acting.await_pane(page, curves)  # of the picks that the notebook hands over
    acting.fill(page, "File of picks", str(line))
    acting.fill(page, "Pick std [s]", "3%+0.0005")
    acting.button(page, "Open").click()
    acting.await_status(page, "714 of 714 picks")
    assert acting.alert(page) == ""
    labkit.await_new_pixels(page, acting.pane(curves), earlier)
    before = acting.await_pane(page, curves)
    acting.drag_over(page, acting.pane(curves), (0.3, 0.3), (0.5, 0.6))
    page.wait_for_function(
        """() => [...document.querySelectorAll(".seisnb-app input")].some(
             (box) => box.placeholder.startsWith("none") && /\\d/.test(box.value))"""
    )
    acting.button(page, "Mute selected").click()
    status = acting.await_status(page, r"(\d+) of (?!\1 )\d+ picks are used")
    labkit.await_new_pixels(page, acting.pane(curves), before)
    return status


def set_up_and_run(page, folder):
    """A small ensemble with a given prior; it is cancelled and resumed."""
    acting.fill(page, "Results in folder", str(folder))  # no members of an earlier run lie there
    acting.unfold(page, "2 Prior")
    for label, value in (("Amplitude [1 or km/s]", "0.3"), ("Length easting [km]", "0.02"),
                         ("Length depth [km]", "0.01")):  # fmt: skip
        acting.fill(page, label, value)
    acting.unfold(page, "3 Inversion")
    acting.fill(page, "N members", str(N_MEMBERS))
    acting.button(page, "Run").click()
    acting.await_status(page, rf"members.* ([2-9]|\d\d) of {N_MEMBERS}", timeout=120_000)
    acting.await_section(page)
    [ended] = acting.time_press(page, "Cancel", "Cancelled")
    assert ended < 8.0
    acting.button(page, "Resume").click()
    acting.await_status(page, "Done", timeout=120_000)
    assert acting.alert(page) == ""


def browse(page):
    """Members, statistics and a profile, without the kernel; then one step back."""
    acting.tab(page, "Explore")
    acting.await_section(page, N_MEMBERS)
    stage = acting.section(page).locator(".seisnb-stage")
    mean = acting.section_pixels(page)
    stage.focus()
    page.keyboard.press("ArrowRight")
    member = acting.await_other_pixels(page, mean)
    page.keyboard.press("ArrowRight")
    second = acting.await_other_pixels(page, member)
    assert f"Member 2 of {N_MEMBERS}" in acting.section(page).inner_text()
    acting.section(page).get_by_label("Show", exact=True).select_option("std")
    acting.await_other_pixels(page, second)
    acting.click_section(page, 0.4, 0.5)
    page.wait_for_function(
        """() => [...document.querySelectorAll(".seisnb-section .seisnb-readout")]
          .some((e) => e.offsetParent !== null && / m · Std \\(m\\/s\\): \\d/.test(e.innerText))"""
    )
    acting.section(page).get_by_label("Show", exact=True).select_option("correlation")
    page.wait_for_timeout(1300)  # what follows within a second is the same gesture
    acting.section(page).get_by_label("Show", exact=True).select_option("exceedance")
    page.wait_for_timeout(300)
    acting.button(page, "Undo").click()
    page.wait_for_function(
        """() => [...document.querySelectorAll(".seisnb-section .seisnb-heading")]
          .some((e) => e.offsetParent !== null && e.innerText.startsWith("Correlation"))"""
    )


def export(page, folder):
    """A picture for print, vectors, and all results."""
    png = acting.download(page, acting.section(page).get_by_role("button", name="PNG"))
    content = Path(png.path()).read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content[:4] == b"\x89PNG"
    assert 2000 <= width <= 2015  # 170 mm at 300 dots per inch
    assert 400 < height < 2000
    said = []
    page.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
    svg = acting.download(page, acting.section(page).get_by_role("button", name="SVG"))
    text = Path(svg.path()).read_text()
    assert said == []  # every stroke and word was drawn
    assert 'width="170mm"' in text
    assert "Correlation with" in text
    acting.button(page, "Save").click()
    acting.await_status(page, "Saved ensemble.nc", timeout=30_000)
    for name in ("ensemble.nc", "report.html", "section.html", "reproduce.ipynb"):
        assert (folder / name).stat().st_size > 500
    assert (folder / "section.html").stat().st_size < 5e6


def save_session(page, folder):
    acting.unfold(page, "Session")
    acting.fill(page, "Session folder", str(folder))
    acting.button(page, "Save session").click()
    acting.await_status(page, "Session saved")


def restore_session(page, folder):
    acting.unfold(page, "Session")
    acting.fill(page, "Session folder", str(folder))
    acting.button(page, "Restore session").click()
    acting.await_status(page, "Session restored", timeout=30_000)
    acting.await_section(page, N_MEMBERS)
    assert "Correlation" in acting.section(page).inner_text()
    assert acting.alert(page) == ""


def test_in_lab(page, lab, notebooks, shipped, tmp_path):
    labkit.open_notebook(page, lab, shipped.name)
    labkit.run_all(page)
    acting.await_app(page)
    muted = load_and_mute(page)
    set_up_and_run(page, tmp_path / "out")
    browse(page)
    export(page, tmp_path / "out")
    save_session(page, tmp_path / "session")
    assert labkit.axe(page, acting.APP) == []
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    assert shipped.stat().st_size < 50_000
    page.reload()
    acting.await_app(page)  # the kernel lives: everything is there again
    acting.await_section(page, N_MEMBERS, timeout=90_000)
    assert muted.split(" of ")[0].split()[-1] in page.locator(acting.STATUS).inner_text()
    restore_session(page, tmp_path / "session")


def test_in_voila(page, chromium, notebooks, tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voila")
    shutil.copy(labkit.REPOSITORY / "notebooks" / "dashboard.ipynb", folder)
    home = tmp_path_factory.mktemp("jupyter")
    option = "--Voila.base_url=/user/demo/"
    with labkit.voila_server(folder / "dashboard.ipynb", home, option) as base:
        page.goto(f"{base}/user/demo/", timeout=90_000)
        acting.await_app(page)
        assert page.locator(".jp-InputArea-editor, .highlight").count() == 0  # no code
        load_and_mute(page)
        set_up_and_run(page, tmp_path / "out")
        browse(page)
        save_session(page, tmp_path / "session")
        acting.fill(page, "N members", "1")
        acting.button(page, "Run").click()
        page.locator(acting.ALERT).get_by_text("n_members is 1").wait_for()
        page.reload()  # Voila begins with another kernel
        acting.await_app(page)
        restore_session(page, tmp_path / "session")
        assert labkit.axe(page, acting.APP) == []


def test_browsing_goes_on_without_the_kernel(page, plain_lab, notebooks):
    acting.show(page, plain_lab, notebooks, "death", CODE % "ensemble=marine_ensemble()")
    acting.await_section(page, 16)
    mean = acting.section_pixels(page)
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.shutdown()"
    )
    page.wait_for_timeout(1500)
    acting.section(page).locator(".seisnb-stage").focus()
    page.keyboard.press("ArrowRight")
    acting.await_other_pixels(page, mean)


def test_an_ensemble_of_a_gigabyte_is_thinned_and_says_so(page, plain_lab, notebooks, tmp_path):
    path = write_large_ensemble(tmp_path / "large.zarr")
    code = (
        "from seisnb.io import open_ensemble\n"
        + CODE % f"ensemble=open_ensemble({str(path)!r}, load=False)"
    )
    acting.show(page, plain_lab, notebooks, "large", code)
    acting.await_section(page, 1000)
    said = "one cell in 4 along each axis and 1000 of 1000 members on 801 x 321"
    assert said in acting.section(page).inner_text()
    mean = acting.section_pixels(page)
    acting.section(page).get_by_label("Show", exact=True).select_option("std")
    acting.await_other_pixels(page, mean)
    assert acting.alert(page) == ""


def test_a_page_reloaded_in_mid_run_shows_the_run_and_can_cancel_it(page, plain_lab, notebooks):
    arguments = "survey=land_survey(), invert=make_invert(60.0, n_members=600)"
    acting.show(page, plain_lab, notebooks, "reload", CODE % arguments)
    acting.button(page, "Run").click()
    acting.await_status(page, r"members [2-9]")
    acting.await_section(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    page.reload()
    acting.await_app(page)
    seen = acting.await_status(page, r"members \d+", timeout=90_000)
    acting.await_section(page)
    first = int(re.search(r"members (\d+)", seen)[1])
    acting.await_status(page, rf"members (?!{first}\b)\d+")
    [ended] = acting.time_press(page, "Cancel", "Cancelled")
    assert ended < 4.0
    acting.tab(page, "Explore")
    acting.await_section(page)


def test_two_tabs_show_one_dashboard(page, plain_lab, notebooks):
    acting.show(page, plain_lab, notebooks, "tabs", CODE % "ensemble=marine_ensemble()")
    acting.await_section(page, 16)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    other = labkit.second_page(page)
    address = f"{plain_lab}/lab/workspaces/second/tree/tabs.ipynb?token={labkit.TOKEN}&reset"
    other.goto(address, timeout=90_000)
    acting.await_app(other)
    acting.await_section(other, 16, timeout=90_000)
    acting.section(page).get_by_label("Show", exact=True).select_option("std")
    other.wait_for_function(
        """() => document.querySelector(".seisnb-section .seisnb-heading") &&
          [...document.querySelectorAll(".seisnb-section .seisnb-heading")]
            .some((e) => e.innerText.startsWith("Uncertainty"))""",
        timeout=15_000,
    )
    other.close()


def test_markup_in_names_is_shown_as_text(page, plain_lab, notebooks):
    title = "<img src=x onerror=window.owned=1><b>line</b>"
    arguments = f"ensemble=marine_ensemble().assign_attrs(title={title!r}, verdict={title!r})"
    acting.show(page, plain_lab, notebooks, "markup", CODE % arguments)
    acting.await_section(page, 16)
    assert "<b>line</b>" in page.locator(f"{acting.APP} .seisnb-title").inner_text()
    for name in ("Survey", "Fit", "Run", "Prior", "Compare"):
        acting.tab(page, name)
    assert page.locator(f"{acting.APP} img").count() == 0
    assert page.evaluate("() => window.owned") is None


def test_a_failing_callback_is_said_in_the_page(page, plain_lab, notebooks):
    code = CODE % "survey=land_survey(), invert=make_invert(fails='the <prior> is bad')"
    acting.show(page, plain_lab, notebooks, "fails", code)
    acting.button(page, "Run").click()
    page.locator(acting.ALERT).get_by_text("the <prior> is bad").wait_for(timeout=20_000)


def test_the_canvas_shows_what_webgl_shows(page, plain_lab, notebooks):
    code = f"""\
import sys
sys.path.insert(0, {str(FAKE)!r})
import ipywidgets as widgets
from fake import marine_ensemble
from seisnb.dashboards.section_data import ensemble_section
from seisnb.dashboards.section_view import SectionView
data = ensemble_section(marine_ensemble())
views = [SectionView(data, painter=p, has_profile=False) for p in ("webgl2", "canvas", "auto")]
box = widgets.VBox(views)
box.add_class("seisnb-app")
box
"""
    acting.show(page, plain_lab, notebooks, "painters", code)
    page.wait_for_function(
        """() => [...document.querySelectorAll(".seisnb-section")]
          .filter((e) => e.dataset.loaded === "16" && e.dataset.shown).length === 3"""
    )
    page.wait_for_timeout(500)
    kinds, share = page.evaluate(
        """() => {
          const views = [...document.querySelectorAll(".seisnb-section")];
          const [a, b] = views.slice(0, 2).map((v) => {
            const field = v.querySelector(".seisnb-stage canvas");
            const probe = document.createElement("canvas");
            [probe.width, probe.height] = [field.width, field.height];
            const context = probe.getContext("2d");
            context.drawImage(field, 0, 0);
            return context.getImageData(0, 0, probe.width, probe.height);
          });
          const isSame = (i, j) => [0, 1, 2, 3].every((k) =>
            Math.abs(a.data[4 * i + k] - b.data[4 * j + k]) <= 1);
          let n = 0;
          let total = 0;
          for (let y = 1; y < a.height - 1; y++)
            for (let x = 1; x < a.width - 1; x++) {
              total += 1;
              // an edge of a cell may fall on the next pixel
              const near = [-1, 0, 1].some((dy) => [-1, 0, 1].some((dx) =>
                isSame(y * a.width + x, (y + dy) * a.width + x + dx)));
              n += near ? 0 : 1;
            }
          return [views.map((v) => v.dataset.painter), n / total];
        }"""
    )
    assert kinds == ["webgl2", "canvas", "canvas"]  # this browser emulates WebGL
    assert share < 1e-3


def test_an_offline_page_browses_without_any_server(page, tmp_path):
    import sys

    sys.path.insert(0, str(FAKE))
    from fake import marine_ensemble

    from seisnb.dashboards.section_data import ensemble_section
    from seisnb.dashboards.section_page import write_section_page

    data = ensemble_section(marine_ensemble())
    path = write_section_page(data, tmp_path / "section.html", state={"quantity": "std"})
    page.goto(path.as_uri())
    page.evaluate(labkit.PIXELS)
    page.locator(".seisnb-section[data-loaded='16']").wait_for(timeout=20_000)
    assert "Uncertainty (1 std) of 16 members" in page.inner_text("main")
    before = acting.section_pixels(page)
    page.locator(".seisnb-stage").focus()
    page.keyboard.press("ArrowRight")
    acting.await_other_pixels(page, before)
    assert labkit.axe(page, "main") == []


def test_sessions_hold_no_absolute_surprises(page, plain_lab, notebooks, tmp_path):
    acting.show(page, plain_lab, notebooks, "kept", CODE % "ensemble=marine_ensemble()")
    acting.await_section(page, 16)
    save_session(page, tmp_path / "session")
    content = json.loads((tmp_path / "session" / "session.json").read_text())
    assert {link["path"] for link in content["links"].values()} == {"picks.csv", "result_1.nc"}
    assert len(json.dumps(content["state"])) < 5_000
