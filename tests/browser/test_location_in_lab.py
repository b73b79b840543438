"""What a person does with the location dashboard, in a real JupyterLab and Chromium."""

import re
import shutil

import labkit
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_shipped_notebook_locates_and_follows_the_controls(page, lab, notebooks):
    shutil.copy(labkit.REPOSITORY / "notebooks" / "location_dashboard.ipynb", notebooks)
    labkit.open_notebook(page, lab, "location_dashboard.ipynb")
    labkit.run_all(page)
    status = page.locator('.seisnb-app [role="status"]')
    status.get_by_text(re.compile(r"event0000: depth .* 24 picks")).wait_for(timeout=120_000)
    clouds = '.seisnb-app .seisnb-pane[aria-label="clouds of event event0000"]'
    page.locator(clouds).wait_for(timeout=30_000)
    page.wait_for_function(
        "(selector) => window.canvasesIn ? window.canvasesIn(selector).length > 0 : true",
        arg=clouds, timeout=30_000,
    )  # fmt: skip
    page.get_by_label("Use S").uncheck()
    status.get_by_text(re.compile(r"event0000: depth .* 12 picks")).wait_for(timeout=30_000)
    page.get_by_label("Event", exact=True).select_option("event0003")
    status.get_by_text(re.compile(r"event0003: depth")).wait_for(timeout=30_000)
    page.get_by_role("button", name="Locate all").click()
    status.get_by_text(re.compile("12 events located")).wait_for(timeout=120_000)
    page.get_by_role("tab", name="Map").click()
    page.locator('.seisnb-app .seisnb-pane[aria-label="Map"]').wait_for(timeout=30_000)
    page.screenshot(path=notebooks / "location.png")
    assert page.locator('.seisnb-app [role="alert"]').inner_text().strip() == ""
