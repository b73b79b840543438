"""What the command line says of a result: the level as a word, then every sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from seisnb.cli.commands import _print_result


def result(**attrs: object) -> xr.Dataset:
    return xr.Dataset(
        {
            "chi2_referee": ("particle", [1.0, 1.1]),
            "rms_referee_mean": ((), 0.002),
            "sigma_scale": ("particle", [1.0, 1.0]),
            "pick_std": ("pick", [0.001, 0.001]),
        },
        attrs={"elapsed_seconds": 3.0, **attrs},
    )


def test_the_level_stands_before_all_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(verdict="First: use more.\nSecond.\nConditional.", verdict_level="bad")
    _print_result(found, Path("out/ensemble.nc"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == ["verdict: bad", "  First: use more.", "  Second.", "  Conditional."]


def test_an_older_verdict_is_judged_anew(capsys: pytest.CaptureFixture[str]) -> None:
    _print_result(result(verdict="All is well."), Path("out/ensemble.nc"))
    said = capsys.readouterr().out
    assert "verdict: care" in said
    assert "All is well." not in said
    assert "2 members give rough intervals" in said
