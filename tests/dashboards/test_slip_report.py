"""The report of slip: verdict first, the Dataset's numbers, nothing fetched, nothing unescaped."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import seisnb
from seisnb.conventions import InputError
from seisnb.dashboards.slip_report import (
    NOT_CONVERGED,
    citation,
    key_numbers,
    slip_html,
    summary,
    write_slip_report,
)
from seisnb.slip import SlipConfig, invert_slip
from seisnb.slip.synthetic import example_thrust


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    offsets, structures, _ = example_thrust()
    names = offsets["site"].values.astype("U40")
    names[0] = "<script>alert(1)</script>"
    config = SlipConfig(positive=False, smoothing="gaussian_process", n_samples=200)
    found = invert_slip(offsets.assign_coords(site=names), structures, config)
    names = found["structure_name"].values.astype("U60")
    names[int(np.argmax(found["structure_probability"].values))] = "<img src=x onerror=alert(2)>"
    found = found.assign_coords(structure_name=("structure", names))
    found.attrs |= {"title": "Thrust </title><b>", "source": "a<b>.csv", "notes": '["<i>note</i>"]'}
    return found


@pytest.fixture(scope="module")
def page(result: xr.Dataset) -> str:
    return slip_html(result)


def body(page: str) -> str:
    """The page without BokehJS and the figures' data."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_names_from_files_are_text(page: str) -> None:
    shown = body(page)
    for hostile in ("<script>alert", "<img src=x", "<i>note", "a<b>", "Thrust </title>"):
        assert hostile not in shown
    for text in ("&lt;i&gt;note&lt;/i&gt;", "a&lt;b&gt;.csv", "Thrust &lt;/title&gt;&lt;b&gt;"):
        assert text in shown


def test_nothing_is_fetched(page: str) -> None:
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']", body(page))


def test_verdict_comes_first_and_all_figures_have_captions(page: str) -> None:
    shown = body(page)
    order = ["<h1>", 'class="verdict', "Key numbers", "<figure>", "<h2>Settings", "<h2>Notes",
             "<h2>How to cite"]  # fmt: skip
    places = [shown.index(text) for text in order]
    assert places == sorted(places)
    assert shown.count("<figure>") == shown.count("<figcaption>") == shown.count('role="img"') == 8


def test_key_numbers_are_the_datasets(result: xr.Dataset) -> None:
    rows = key_numbers(result)
    low, middle, high = np.quantile(result["magnitude"], (0.025, 0.5, 0.975))
    assert rows["Mw, over 17 structures"] == f"{middle:.2f} (95 %: {low:.2f} to {high:.2f})"
    single = np.quantile(result["single_magnitude"], (0.025, 0.5, 0.975))
    assert rows["Mw, first structure only"].startswith(f"{single[1]:.2f}")
    at = int(np.argmax(result["slip_mean"].values))
    depth = float(result["patch_depth"][at])
    assert f"{float(result['slip_mean'][at]):.3g} m" in rows["Peak slip"]
    assert rows["Peak slip"].endswith(f"at {depth:.0f} km depth")
    assert f"{float(result['chi2']):.2f}" in rows["chi² per datum of the mean prediction"]
    assert rows["Log evidence"].startswith(f"{float(result['log_evidence']):.1f}; first")
    assert rows["WBIC (the smaller, the better)"].startswith(f"{float(result['wbic']):.1f}")
    raised = rows["Seismic moment, median"].partition(" × 10")[2].removesuffix(" N m")
    exponent = int(raised.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
    assert exponent == int(np.floor(np.log10(float(result["moment"].median()))))
    yearly = key_numbers(result.assign_attrs(quantity="velocity"))
    assert "Moment magnitude of a year's slip, over 17 structures" in yearly


def test_one_that_has_not_converged_shouts(result: xr.Dataset, page: str) -> None:
    bad = result.assign_attrs(verdict=f"{NOT_CONVERGED}: the populations disagree.")
    shown = body(slip_html(bad))
    assert 'class="verdict cancelled"' in shown
    alarm = shown.index(f'<strong class="alarm">{NOT_CONVERGED}: do not use these numbers')
    assert alarm < shown.index("Mw")
    assert "alarm" not in body(page).partition("</style>")[2]
    beside = body(slip_html(result, beside=[("rough <x>", bad)]))
    assert f"{NOT_CONVERGED} (rough &lt;x&gt;): do not use" in beside


def test_the_words_of_an_inversion_that_did_not_converge_are_known() -> None:
    offsets, structures, _ = example_thrust(n_sites=8)
    config = SlipConfig(n_particles=20, n_moves=1, n_samples=20, seed=1)
    found = invert_slip(offsets, structures.structures[:2], config)
    has_agreed = (
        float(found["scale_reduction"]) <= 1.1
        and float(found["single_scale_reduction"]) <= 1.1
        and max(float(found[f"{p}log_evidence_std"]) for p in ("", "single_")) <= 1.0
    )
    assert not has_agreed  # far too few particles
    assert 'class="alarm"' in slip_html(found)
    assert "Scale reduction over independent populations (good: at most 1.1)" in key_numbers(found)


def test_what_to_look_at_is_said(result: xr.Dataset) -> None:
    said = summary(result)
    assert said.startswith(result.attrs["verdict"])
    assert "On the first structure alone it would be" in said
    assert "constrains cancel" in said  # slip of either sign
    assert "too small" not in said
    poor = result.copy()
    poor["chi2"] = xr.zeros_like(result["chi2"]) + 4.0
    assert "chi² per datum is 4.0" in summary(poor)
    assert "share a motion that is no slip (frame: translation)." in summary(poor)
    sure = result.copy()
    chance = np.zeros(17)
    chance[2] = 1.0
    sure["structure_probability"] = ("structure", chance)
    assert "holds 100 % of the probability: add structures around it" in summary(sure)


def test_several_priors_are_compared(result: xr.Dataset) -> None:
    shown = body(slip_html(result, beside=[("no smoothing", result)]))
    assert "What the prior decides" in shown
    table = shown[shown.index("<caption>By prior") :].partition("</table>")[0]
    assert table.count("<tr>") == 3
    assert "Gaussian process" in table


def test_settings_with_units_and_how_to_cite(result: xr.Dataset, page: str) -> None:
    assert '<th scope="row">smoothing</th><td>gaussian_process</td>' in page
    assert '<th scope="row">rake</th><td>90 deg</td>' in page
    said = citation(result)
    assert seisnb.__version__ in said
    official = (Path(__file__).parents[2] / "CITATION.cff").read_text()
    title = re.search(r'^title: "(.*)"$', official, re.MULTILINE)
    assert title is not None
    assert title[1] in said
    assert result.attrs["offsets_checksum"] in page


def test_it_is_written_whole_and_other_kinds_are_refused(result, tmp_path, page: str) -> None:
    path = write_slip_report(result, tmp_path / "report.html")
    assert path.stat().st_size > 500_000  # BokehJS is inside
    with pytest.raises(InputError, match="kind 'ensemble'"):
        slip_html(xr.Dataset(attrs={"kind": "ensemble"}))
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
