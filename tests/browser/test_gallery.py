"""The gallery's pages in a browser: they show figures and ask no other host for anything."""

from __future__ import annotations

import importlib
import re

import labkit
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def gallery(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(labkit.REPOSITORY / "notebooks")
    return importlib.import_module("gallery")


def test_pages_stand_alone(page, gallery, tmp_path, monkeypatch):
    small = {"settings": {"n_samples": 200}}
    monkeypatch.setattr(gallery, "SIZES", {"location": small})
    assert gallery.main([str(tmp_path)]) == 0
    page.goto((tmp_path / "index.html").as_uri())
    page.get_by_role("link", name="Earthquakes located over an ensemble").click()
    page.wait_for_url("**/location/index.html")
    page.evaluate(labkit.PIXELS)
    page.wait_for_function("() => canvasesIn('body').length >= 4", timeout=60_000)
    assert "12 events located" in page.locator("body").inner_text()
    for href in re.findall(r'href="([^"#:]+)"', (tmp_path / "location/index.html").read_text()):
        assert (tmp_path / "location" / href).is_file(), href


def test_a_name_that_is_none_is_refused(gallery, tmp_path, capsys):
    assert gallery.main([str(tmp_path), "nosuch"]) == 2
    assert "nosuch" in capsys.readouterr().err
