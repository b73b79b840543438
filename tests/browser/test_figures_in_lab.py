"""Figures of a study in a real JupyterLab: bokeh models shown as HTML, without an extension."""

from __future__ import annotations

from pathlib import Path

import labkit
import nbformat
import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = """\
from IPython.display import HTML, display
from seisnb.dashboards import figures
from seisnb.dashboards.study_report import figure_html, library_html
from seisnb.verification.one_dimensional import one_dimensional_dataset, one_dimensional_test
tests = one_dimensional_dataset([one_dimensional_test("rml", length=0.15, n_particles=8)])
display(HTML(library_html()))
"""


def test_figures_are_drawn_without_a_network(page: Page, lab: str, notebooks: Path) -> None:
    cells = [CELL, "display(HTML(figure_html(figures.line_posterior(tests, 0))))"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, notebooks / "study.ipynb")
    labkit.open_notebook(page, lab, "study.ipynb")
    labkit.run_all(page)
    page.wait_for_function("() => canvasesIn('.jp-Notebook').length > 0", timeout=30_000)
    page.wait_for_timeout(500)
    colours = page.evaluate(
        """() => {
          const canvas = canvasesIn('.jp-Notebook')[0];
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 4).join());
          return seen.size;
        }"""
    )
    assert colours > 20
    assert page.errors == []
    assert page.foreign == []
