"""What a person does with a dashboard, in words that Lab and Voila share."""

from __future__ import annotations

import re
from pathlib import Path

import labkit
import nbformat
from playwright.sync_api import Download, Locator, Page

APP = ".seisnb-app"
STATUS = f'{APP} .seisnb-status [role="status"]'
ALERT = f'{APP} .seisnb-alert [role="alert"]'


def write_notebook(folder: Path, name: str, code: str) -> str:
    """A notebook of one cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    nbformat.write(notebook, folder / name)
    return name


def show(page: Page, lab: str, notebooks: Path, name: str, code: str) -> None:
    """Open a dashboard made by some code, in Lab."""
    labkit.open_notebook(page, lab, write_notebook(notebooks, f"{name}.ipynb", code))
    labkit.run_all(page)
    await_app(page)


def await_app(page: Page) -> None:
    """Wait for a dashboard to be there, and bring it into sight."""
    page.locator(APP).wait_for(timeout=90_000)
    page.evaluate(labkit.PIXELS)
    page.evaluate("document.querySelector('.seisnb-app').scrollIntoView()")


def button(page: Page, label: str) -> Locator:
    return page.locator(f"{APP} button:visible", has_text=re.compile(rf"^\s*{label}\s*$")).first


def tab(page: Page, name: str) -> None:
    page.locator(APP).get_by_role("tab", name=name, exact=True).click()


def unfold(page: Page, title: str) -> None:
    """Open a folded part, where it is closed."""
    part = page.locator(f"{APP} .jupyter-widget-Collapse", has_text=title).first
    if "jupyter-widget-Collapse-open" not in (part.get_attribute("class") or ""):
        part.locator(".jupyter-widget-Collapse-header").first.click()


def fill(page: Page, label: str, text: str) -> None:
    box = page.locator(APP).get_by_label(label, exact=True).first
    box.fill(text)
    box.press("Enter")
    box.blur()


def await_status(page: Page, pattern: str, timeout: float = 60_000) -> str:
    """Wait until the status line matches; its text."""
    page.wait_for_function(
        """([selector, pattern]) =>
          new RegExp(pattern).test(document.querySelector(selector)?.innerText ?? "")""",
        arg=[STATUS, pattern],
        timeout=timeout,
    )
    return page.locator(STATUS).inner_text()


def time_press(page: Page, label: str, *patterns: str) -> list[float]:
    """Press a button; seconds in the page until the status line matches each pattern in turn."""
    button(page, label).scroll_into_view_if_needed()
    seconds = page.evaluate(
        """async ([app, status, label, patterns]) => {
          const pressed = [...document.querySelectorAll(`${app} button`)]
            .find((e) => e.innerText.trim() === label && e.offsetParent);
          const words = () => document.querySelector(status)?.innerText ?? "";
          const start = performance.now();
          pressed.click();
          const times = [];
          for (const pattern of patterns) {
            while (!new RegExp(pattern).test(words())) {
              if (performance.now() - start > 60000)
                throw new Error(`${label}: no ${pattern} in a minute, but ${words()}`);
              await new Promise(requestAnimationFrame);
            }
            times.push((performance.now() - start) / 1000);
          }
          return times;
        }""",
        [APP, STATUS, label, patterns],
    )
    return list(seconds)


def alert(page: Page) -> str:
    return page.locator(ALERT).inner_text().strip()


def pane(label: str) -> str:
    return f'{APP} .seisnb-pane[aria-label^="{label}"]'


def await_pane(page: Page, label: str) -> list[int]:
    """Wait for a bokeh figure to be drawn; signatures of its pixels."""
    selector = pane(label)
    page.locator(f"{selector}[data-ready]").first.wait_for(timeout=30_000)
    page.wait_for_function(
        "(s) => canvasesIn(s).length > 0 && Bokeh.documents.every((each) => each.is_idle)",
        arg=selector,
        timeout=30_000,
    )
    page.wait_for_timeout(300)
    return labkit.signatures(page, selector)


def section(page: Page) -> Locator:
    """The section view in sight."""
    return page.locator(f"{APP} .seisnb-section:visible").first


def await_section(page: Page, n_members: int | None = None, timeout: float = 60_000) -> None:
    """Wait for a section in sight, with so many members."""
    page.wait_for_function(
        """(n) => {
          const seen = [...document.querySelectorAll(".seisnb-app .seisnb-section")]
            .find((e) => e.offsetParent !== null);
          return seen?.dataset.shown && (n === null ? Number(seen.dataset.loaded) > 0
            : Number(seen.dataset.loaded) === n);
        }""",
        arg=n_members,
        timeout=timeout,
    )


def section_pixels(page: Page) -> int:
    """A signature of the section in sight."""
    return int(
        page.evaluate(
            """() => signatureOf([...document.querySelectorAll(".seisnb-section .seisnb-stage")]
              .find((e) => e.offsetParent !== null).querySelector("canvas"))"""
        )
    )


def await_other_pixels(page: Page, before: int, timeout: float = 10_000) -> int:
    """Wait until the section in sight shows something else."""
    page.wait_for_function(
        """(before) => signatureOf([...document.querySelectorAll(".seisnb-section .seisnb-stage")]
          .find((e) => e.offsetParent !== null).querySelector("canvas")) !== before""",
        arg=before,
        timeout=timeout,
    )
    return section_pixels(page)


def click_section(page: Page, x: float, y: float) -> None:
    """Click at shares of the section's axes."""
    box = section(page).locator(".seisnb-stage canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def await_rest(page: Page, selector: str) -> list[float]:
    """Wait until a figure neither moves nor grows; x, y, width and height of its canvas."""
    where = (
        "(s) => { const b = canvasesIn(s)[0].getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; }"
    )
    before: list[float] = []
    for _ in range(20):
        now = page.evaluate(where, selector)
        if now == before:
            return before
        before = now
        page.wait_for_timeout(300)
    raise AssertionError(f"{selector} was still moving after 6 s")


def drag_over(page: Page, selector: str, start: tuple[float, float], end: tuple[float, float]):
    """Drag the mouse over a figure that has come to rest, at shares of its canvas."""
    x, y, width, height = await_rest(page, selector)
    page.mouse.move(x + start[0] * width, y + start[1] * height)
    page.mouse.down()
    page.mouse.move(x + end[0] * width, y + end[1] * height, steps=8)
    page.mouse.up()


def download(page: Page, control: Locator) -> Download:
    """What a click brings down."""
    with page.expect_download(timeout=30_000) as waiting:
        control.click()
    return waiting.value
