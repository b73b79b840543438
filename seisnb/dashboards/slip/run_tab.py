"""The form of an inversion, what it says while it runs, and its verdict."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from seisnb.dashboards.controls import Form
from seisnb.dashboards.looks import button, text_box, wrapped_row
from seisnb.dashboards.page import table_html
from seisnb.dashboards.shell import taking
from seisnb.dashboards.slip.controller import SlipController
from seisnb.dashboards.slip_report import key_numbers, summary
from seisnb.handles import Progress
from seisnb.slip import SlipConfig

_SHOWN = (
    "rake_mode", "rake", "azimuth", "positive", "smoothing", "smoothing_length", "frame",
    "n_particles", "seed",
)  # fmt: skip
_BAR_STYLES = {"done": "success", "failed": "danger", "cancelled": "warning"}
_WORDS = {
    "idle": "Ready.",
    "running": "Running",
    "cancelling": "Stopping",
    "cancelled": "Cancelled.",
    "done": "Done.",
    "failed": "Failed.",
}


class RunTab:
    """What a person sets and starts.

    Parameters
    ----------
    controller : SlipController
        That inverts.
    """

    def __init__(self, controller: SlipController) -> None:
        self.controller = act = controller
        self.form = Form(SlipConfig, group="slip", shown=_SHOWN)
        self.form.write(act.state.config)
        self.take = taking(act, self.form, "config")
        self.run_button = button("Run", "play", "Invert the sites in use", button_style="primary")
        self.both_button = button(
            "Run both priors", "clone", "Without smoothing, then with it, to be compared"
        )
        self.cancel_button = button("Cancel", "stop", "Stop; a result that is done is kept")
        self.bar = widgets.IntProgress(description="Progress", layout=widgets.Layout(width="360px"))
        self.verdict = text_box()
        right = widgets.VBox(
            [
                wrapped_row(self.run_button, self.both_button, self.cancel_button), self.bar,
                self.verdict,
            ],
            layout=widgets.Layout(flex="1 1 380px", min_width="0"),
        )  # fmt: skip
        left = widgets.VBox([self.form.widget], layout=widgets.Layout(flex="0 1 390px"))
        self.widget = wrapped_row(left, right)
        self.form.observe(self.take)
        self.run_button.on_click(lambda _: self.take() and act.start())
        self.both_button.on_click(lambda _: self.take() and act.start_both())
        self.cancel_button.on_click(lambda _: act.cancel())
        act.job.observe(act.guarded(self._sync), ["status", "progress"])
        act.observe(act.guarded(self._sync), ["data_number", "result"])
        self._sync()

    def _sync(self) -> None:
        """Show where things stand."""
        act, job = self.controller, self.controller.job
        self.run_button.disabled = self.both_button.disabled = job.is_busy or not act.has_data
        self.cancel_button.disabled = job.status != "running"
        if job.progress is not None:
            self.bar.max, self.bar.value = max(job.progress.total, 1), job.progress.done
        elif job.is_busy:
            self.bar.value = 0
        self.bar.bar_style = _BAR_STYLES.get(job.status, "info")
        found = act.result
        self.verdict.value = "" if found is None else (
            f'<div class="seisnb-verdict">{escape(summary(found))}</div>'
            + table_html(key_numbers(found), head=("Quantity", "Value"))
        )  # fmt: skip


def status_words(controller: SlipController) -> str:
    """Where the work stands."""
    job = controller.job
    if not job.is_busy or job.progress is None:
        return _WORDS[job.status] + (" ..." if job.is_busy else "")
    progress: Progress = job.progress
    return (
        f"{_WORDS[job.status]}: {progress.stage} {progress.done} of {progress.total}, "
        f"{progress.message}"
    )
