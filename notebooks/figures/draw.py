"""Draw the pictures of README and welcome.ipynb from real results.

python notebooks/figures/draw.py [DEMO]

DEMO is the folder of ``make demo``, results/demo by default. Needs Chromium and playwright.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "browser"))
import acting
import labkit
from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
WIDTH = 1000
COLOURS = 256


def main(demo: Path) -> None:
    """Draw all three."""
    chromium = labkit.find_chromium()
    if chromium is None:
        raise SystemExit("draw.py needs Chromium")
    with labkit.browser_page(chromium, 1400, 900) as page:
        draw_panels(page, demo)
        with serve("dashboard") as base:
            draw_tomography(page, base)
        with serve("location_dashboard") as base:
            draw_location(page, base)


def draw_panels(page: Page, demo: Path) -> None:
    """Events against the plate boundary, by the mean model and over all models."""
    from seisnb.dashboards.figures.boundary import boundary_panels
    from seisnb.dashboards.study_report import figure_html, library_html
    from seisnb.io import open_ensemble, open_hypocentres
    from seisnb.location import LineBoundary
    from seisnb.synthetic import marine_line

    ensemble = open_ensemble(demo / "ensemble.nc")
    _, truth = marine_line(0)
    boundary = LineBoundary(along=truth["easting"].values, depth=truth["plate_boundary"].values)
    panels = boundary_panels(
        open_hypocentres(demo / "hypocentres.nc"), boundary, within=1.0, ensemble=ensemble
    )
    box = f'<div id="figure" style="display: inline-block">{figure_html(panels)}</div>'
    page.set_content(f"<body>{library_html()}{box}</body>")
    page.wait_for_function("() => Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")
    page.wait_for_timeout(500)
    save(page.locator("#figure").screenshot(), "survey_to_source.png")


def draw_tomography(page: Page, base: str) -> None:
    """The tomography dashboard after a run."""
    page.goto(base, timeout=120_000)
    acting.await_app(page)
    page.locator(f"{acting.APP} .seisnb-pane[data-ready]").first.wait_for(timeout=60_000)
    acting.button(page, "Run").click()
    acting.await_status(page, "Done", timeout=600_000)
    acting.tab(page, "Explore")
    acting.await_section(page, 64)
    acting.click_section(page, 0.55, 0.5)
    page.wait_for_timeout(1500)
    save(page.locator(acting.APP).screenshot(), "dashboard.png")


def draw_location(page: Page, base: str) -> None:
    """The location dashboard on its first event."""
    page.goto(base, timeout=120_000)
    acting.await_app(page)
    acting.await_status(page, r"event0000: depth ", timeout=240_000)
    acting.await_pane(page, "clouds of event event0000")
    page.wait_for_timeout(1500)
    save(page.locator(acting.APP).screenshot(), "location_dashboard.png")


@contextmanager
def serve(notebook: str) -> Iterator[str]:
    """Voila on a copy of a notebook: results must not land in the repository."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        copy = shutil.copy(HERE.parent / f"{notebook}.ipynb", folder)
        with labkit.voila_server(Path(copy), folder / "home") as base:
            yield base


def save(png: bytes, name: str) -> None:
    """Write a picture of few colours, small enough for a repository."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(HERE / name, optimize=True)
    print(f"{HERE / name}: {(HERE / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "results" / "demo")
