"""The gallery's pages in a browser: they show figures and ask no other host for anything."""

from __future__ import annotations

import importlib.util
import re

import labkit
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def load_gallery():
    path = labkit.REPOSITORY / "notebooks" / "gallery.py"
    spec = importlib.util.spec_from_file_location("gallery", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_stand_alone(page, tmp_path, monkeypatch):
    gallery = load_gallery()
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


def test_a_name_that_is_none_is_refused(tmp_path, capsys):
    assert load_gallery().main([str(tmp_path), "nosuch"]) == 2
    assert "nosuch" in capsys.readouterr().err
