"""What a person does with the tomography dashboard, in a real JupyterLab and Chromium."""

import re
import shutil
import time
from pathlib import Path

import labkit
import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAKE = Path(__file__).parents[1] / "dashboards"
CELL = f"""\
import sys
sys.path.insert(0, {str(FAKE)!r})
from fake import land_survey, make_invert, marine_ensemble
from seisnb.dashboards import TomographyDashboard
app = TomographyDashboard(%s)
app
"""
READY = ".seisnb-app .seisnb-pane[data-ready]"


def write_notebook(folder, name, arguments):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL % arguments)])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, folder / name)
    return name


@pytest.fixture
def show(page, lab, notebooks):
    """Open a dashboard made with these arguments."""

    def opened(name, arguments):
        labkit.open_notebook(page, lab, write_notebook(notebooks, f"{name}.ipynb", arguments))
        labkit.run_all(page)
        page.locator(READY).first.wait_for(state="attached", timeout=60_000)
        page.evaluate("document.querySelector('.seisnb-app').scrollIntoView()")
        return page

    return opened


def pane(label):
    return f'.seisnb-app .seisnb-pane[aria-label^="{label}"]'


def await_picture(page, selector):
    page.locator(f"{selector}[data-ready]").wait_for(timeout=30_000)
    page.wait_for_function("(selector) => canvasesIn(selector).length > 0", arg=selector)
    page.wait_for_timeout(300)
    return labkit.signatures(page, selector)


def button(page, label):
    return page.locator(".seisnb-app button", has_text=label).first


def press(page, handle, key, times=1):
    page.locator(f'.seisnb-app .noUi-handle[aria-label="{handle}"]').focus()
    for _ in range(times):
        page.keyboard.press(key)


def click_section(page, selector, x, y):
    """Click inside the axes of the section, at shares of its canvas."""
    box = page.evaluate(
        """(selector) => {
          const { x, y, width, height } = canvasesIn(selector)[0].getBoundingClientRect();
          return { x, y, width, height };
        }""",
        selector,
    )
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def profile_label(page):
    return page.locator('.seisnb-app .seisnb-pane[aria-label^="Velocity at"]').get_attribute(
        "aria-label"
    )


def test_sliders_change_the_picture_and_a_click_gives_the_profile(show):
    page = show("explore", "ensemble=marine_ensemble()")
    mean = await_picture(page, pane("Mean of the ensemble"))
    press(page, "Member", "ArrowRight", times=4)
    page.locator(pane("Member 5 of 16")).wait_for(timeout=15_000)
    labkit.await_new_pixels(page, pane("Member 5 of 16"), mean)
    page.get_by_label("Show", exact=True).select_option(label="Uncertainty (std)")
    page.locator(pane("Uncertainty")).wait_for(timeout=15_000)
    std = labkit.signatures(page, pane("Uncertainty"))
    press(page, "Grey above std [km/s]", "ArrowLeft", times=8)
    labkit.await_new_pixels(page, pane("Uncertainty"), std)
    before = profile_label(page)
    click_section(page, pane("Uncertainty"), 0.3, 0.4)
    page.wait_for_function(
        """(old) => [...document.querySelectorAll(".seisnb-pane")]
          .some((p) => /^Velocity at/.test(p.ariaLabel) && p.ariaLabel !== old)""",
        arg=before,
        timeout=15_000,
    )
    easting = float(re.search(r"easting ([\d.-]+) km", profile_label(page))[1])
    assert 5 < easting < 50
    await_picture(page, pane("Velocity at"))


def test_run_with_live_progress_and_cancel_while_the_page_stays_responsive(show):
    page = show("run", "survey=land_survey(), invert=make_invert(60.0, n_members=600)")
    await_picture(page, pane("Travel-time curves"))
    button(page, "Run").click()
    status = page.locator('.seisnb-app [role="status"]')
    page.wait_for_function(
        "() => /members [2-9]/.test(document.querySelector('.seisnb-app [role=status]').innerText)"
    )
    seen = status.inner_text()
    page.get_by_text("2 Prior").click()  # the page answers while the work runs
    amplitude = page.get_by_label("Amplitude")
    amplitude.wait_for(timeout=2_000)
    start = time.monotonic()
    page.get_by_label("Selected picks").first.fill("3-6")
    page.keyboard.press("Enter")
    button(page, "Mute selected").click()
    page.wait_for_function(
        "() => document.querySelector('.seisnb-app [role=status]').innerText.includes('527 of')",
        timeout=5_000,
    )
    assert time.monotonic() - start < 3.0
    assert status.inner_text().splitlines()[0] != seen.splitlines()[0], "progress goes on"
    start = time.monotonic()
    button(page, "Cancel").click()
    page.wait_for_function(
        "() => document.querySelector('.seisnb-app [role=status]').innerText.includes('Cancelled')",
        timeout=10_000,
    )
    assert time.monotonic() - start < 5.0
    await_picture(page, pane("Mean of the ensemble"))
    assert button(page, "Run").is_enabled()


def test_box_selection_on_the_curves_mutes_picks(show):
    page = show("mute", "survey=land_survey(), invert=make_invert()")
    curves = pane("Travel-time curves")
    before = await_picture(page, curves)
    box = page.evaluate(
        "(s) => { const b = canvasesIn(s)[0].getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; }",
        curves,
    )
    x, y, width, height = box
    page.mouse.move(x + 0.3 * width, y + 0.2 * height)
    page.mouse.down()
    page.mouse.move(x + 0.45 * width, y + 0.5 * height, steps=8)
    page.mouse.up()
    page.wait_for_function(
        """() => [...document.querySelectorAll(".seisnb-app input")].some(
             (box) => box.placeholder.startsWith("none") && box.value.includes("-"))""",
        timeout=10_000,
    )
    button(page, "Mute selected").click()
    page.wait_for_function(
        """() => {
          const text = document.querySelector(".seisnb-app [role=status]").innerText;
          return text.includes("of 531 picks") && !text.includes("531 of 531");
        }""",
        timeout=10_000,
    )
    labkit.await_new_pixels(page, curves, before)


def test_errors_are_announced_and_a_reload_shows_the_current_state(show):
    page = show("reload", "ensemble=marine_ensemble()")
    await_picture(page, pane("Mean of the ensemble"))
    press(page, "Member", "ArrowRight", times=2)
    page.locator(pane("Member 3 of 16")).wait_for(timeout=15_000)
    member = await_picture(page, pane("Member 3 of 16"))
    page.get_by_role("tab", name="Picks").click()
    button(page, "Mute selected").click()
    alert = page.locator('.seisnb-app [role="alert"]')
    alert.get_by_text("No picks are selected").wait_for(timeout=10_000)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    page.reload()
    page.wait_for_selector(".seisnb-app", timeout=60_000)
    page.evaluate(labkit.PIXELS)
    page.get_by_role("tab", name="Section").click()
    again = await_picture(page, pane("Member 3 of 16"))
    assert again == member


def test_the_shipped_notebook_shows_its_line(page, lab, notebooks):
    shutil.copy(labkit.REPOSITORY / "notebooks" / "dashboard.ipynb", notebooks)
    labkit.open_notebook(page, lab, "dashboard.ipynb")
    labkit.run_all(page)
    await_picture(page, pane("Travel-time curves"))
    assert button(page, "Run").is_enabled()


def test_the_saved_notebook_stays_small(show, notebooks):
    page = show("small", "ensemble=marine_ensemble()")
    await_picture(page, pane("Mean of the ensemble"))
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(2000)
    assert (notebooks / "small.ipynb").stat().st_size < 100_000


def test_every_slider_and_bar_has_a_name(show):
    page = show("names", "ensemble=marine_ensemble()")
    await_picture(page, pane("Mean of the ensemble"))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
             ".seisnb-app .noUi-handle, .seisnb-app .progress, .seisnb-app .seisnb-pane")]
             .filter((e) => !e.getAttribute("aria-label")).length"""
    )
    assert nameless == 0
    assert page.locator('.seisnb-app [role="status"]').count() == 1
    assert page.locator('.seisnb-app [role="alert"]').count() == 1
