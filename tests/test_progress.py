"""Progress as a person sees it, and the way to stop."""

from __future__ import annotations

import io
from types import SimpleNamespace

from seisnb.progress import show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(stage: str, done: int, total: int, **more: object) -> SimpleNamespace:
    fields = {"message": "", "elapsed": 1.0, "remaining": None, "chi2": None} | more
    return SimpleNamespace(stage=stage, done=done, total=total, **fields)


def test_a_log_gets_few_plain_lines():
    log = io.StringIO()
    with show_progress(stream=log, interval=1e9) as progress:
        progress(step("prior", 0, 1, message="building the prior"))
        for done in range(65):
            message = f"{done} of 64 members"
            more = {"elapsed": 90.0, "remaining": 64.0 - done, "message": message}
            progress(step("members", done, 64, chi2=0.98, **more))
        progress(step("referee", 0, 2))
    assert log.getvalue().splitlines() == [
        "prior: building the prior, 1 s",
        "members: 0 of 64 members, chi2/n 0.98, 1 min 30 s, about 1 min 4 s left",
        "members: 64 of 64 members, chi2/n 0.98, 1 min 30 s",
        "referee 0/2, 1 s",
    ]


def test_a_log_hears_from_a_long_stage():
    log = io.StringIO()
    with show_progress("lines", stream=log, interval=0.0) as progress:
        for done in range(3):
            progress(step("training", done, 9, message="referee 4 ms"))
    assert len(log.getvalue().splitlines()) == 3
    assert "referee 4 ms" in log.getvalue()


def test_a_terminal_gets_one_bar_per_stage():
    terminal = Terminal()
    with show_progress(stream=terminal) as progress:
        progress(step("prior", 1, 1))
        progress(step("members", 32, 64, chi2=1.04, remaining=30.0))
    shown = terminal.getvalue()
    assert "prior: 100%" in shown
    assert "members:  50%" in shown
    assert "32/64" in shown
    assert "chi2/n 1.04" in shown
    assert "about 30 s left" in shown
