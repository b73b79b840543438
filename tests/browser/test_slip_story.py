"""A person's work with the slip dashboard, in JupyterLab."""

import shutil

import acting
import labkit
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "slip_dashboard.ipynb"

FACE = """(patch) => {
  const views = [];
  const walk = (view) => {
    views.push(view);
    for (const child of view.child_views ?? []) walk(child);
  };
  for (const root of Bokeh.index.roots) walk(root);
  const plot = views.find((view) => view.model.name === "slip map");
  const { data } = plot.model.renderers.find((r) => r.name === "patches").data_source;
  const face = [...data.patch].indexOf(patch);
  const mean = (values) => [...values].reduce((a, b) => a + b, 0) / 3;
  const box = plot.canvas_view.el.getBoundingClientRect();
  return [box.x + plot.frame.x_scale.compute(mean(data.xs[face])),
          box.y + plot.frame.y_scale.compute(mean(data.ys[face]))];
}"""


def label(page, name):
    return page.locator(acting.APP).get_by_label(name, exact=True).first


def test_slip_is_inverted_and_looked_at_in_lab(page, plain_lab, notebooks, tmp_path):
    shutil.copy(labkit.REPOSITORY / "notebooks" / NAME, notebooks)
    labkit.open_notebook(page, plain_lab, NAME)
    labkit.run_all(page)
    acting.await_app(page)
    acting.await_status(page, "30 of 30 sites are used")
    before = acting.await_pane(page, "map of the sites")
    kept = [f"S{i:02d}" for i in range(30) if i != 7]
    label(page, "Sites used").select_option(label=kept)
    acting.await_status(page, "29 of 30 sites are used")
    labkit.await_new_pixels(page, acting.pane("map of the sites"), before)
    acting.tab(page, "Run")
    acting.button(page, "Run both priors").click()
    acting.await_status(page, "Done", timeout=120_000)
    before = acting.await_pane(page, "map of slip: mean")
    label(page, "Slip").select_option(label="sample")
    now = acting.await_pane(page, "map of slip: sample")
    assert now != before
    page.locator(acting.APP).locator(".noUi-handle:visible").first.focus()
    page.keyboard.press("ArrowRight")
    labkit.await_new_pixels(page, acting.pane("map of slip: sample"), now)
    page.locator(acting.pane("map of slip: sample")).first.scroll_into_view_if_needed()
    acting.await_rest(page, acting.pane("map of slip: sample"))
    page.mouse.click(*page.evaluate(FACE, 3))
    acting.await_pane(page, "slip of patch 3 of run 2")
    assert label(page, "Patch").input_value() == "3"
    for tab, pane in (
        ("Structures", "probabilities of the structures"), ("Moment", "magnitudes"),
        ("Fit", "residuals by site"), ("Smoothing", "slip by prior"),
    ):  # fmt: skip
        acting.tab(page, tab)
        acting.await_pane(page, pane)
    for _ in range(5):  # four looks at tabs, and the patch
        acting.button(page, "Undo").click()
    acting.await_pane(page, "slip of patch")
    assert label(page, "Patch").input_value() != "3"
    acting.fill(page, "Results in folder", str(tmp_path / "out"))
    acting.button(page, "Save").click()
    acting.await_status(page, "Saved slip.nc, slip_none.nc, report.html, reproduce.ipynb")
    assert (tmp_path / "out" / "slip.nc").stat().st_size > 10_000
    assert acting.alert(page) == ""
    assert labkit.axe(page, acting.APP) == []
