"""The report: whole, self-contained, escaped, within its size."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake import marine_ensemble

from seisnb.conventions import InputError, OutputError
from seisnb.dashboards import report
from seisnb.dashboards.report import key_numbers, write_report
from seisnb.prior import PriorConfig

HOSTILE = "<script>alert(1)</script></script><img src=https://evil.example/x onerror=alert(2)>"


class Page(HTMLParser):
    """Tags with attributes, and the text outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._inside = [], [], ""
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def hostile(land, tmp_path_factory):
    ensemble = land.assign_attrs(
        title=HOSTILE,
        source=HOSTILE,
        verdict=HOSTILE,
        notes=json.dumps([HOSTILE, "9 rows dropped."]),
        config=json.dumps({HOSTILE: HOSTILE, "cell": None}),
        seed=HOSTILE,
    )
    path = write_report(ensemble, tmp_path_factory.mktemp("report") / "report.html")
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def land_text(land):
    """The words of a report about which nothing is wrong."""
    return Page(report.report_html(land)).text


def test_names_from_files_are_text_and_nothing_else(hostile):
    assert hostile.text.count(HOSTILE) >= 6
    assert "▲ Care" in hostile.text
    assert not [tag for tag, _ in hostile.tags if tag == "img"]
    assert not [a for _, attrs in hostile.tags for a in attrs if a.startswith("on")]


def test_nothing_is_fetched(hostile):
    for tag, attrs in hostile.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert not {"src", "href", "data", "srcset"} & set(attrs), (tag, attrs)


def test_structure_serves_readers_and_screen_readers(hostile):
    tags = dict(reversed(hostile.tags))
    assert tags["html"]["lang"] == "en"
    names = [tag for tag, _ in hostile.tags]
    assert names.count("h1") == 1
    assert names.count("figure") == names.count("figcaption") == 9
    spoken = [a["aria-label"] for _, a in hostile.tags if a.get("role") == "img"]
    assert len(spoken) == 9
    assert all(len(text) > 20 for text in spoken)
    assert all(a.get("scope") in ("row", "col") for tag, a in hostile.tags if tag == "th")


def test_key_numbers_are_the_datasets(land):
    rows = key_numbers(land)
    assert rows["Members"] == "16"
    assert rows["Picks used"] == str(land.sizes["pick"])
    assert rows["chi² per pick, times along rays"].startswith(f"{float(land.chi2_ray.mean()):.2f} ")
    rms = float(re.match(r"([\d.]+) ms$", rows["rms misfit of the mean model (referee)"])[1])
    assert rms == pytest.approx(1000 * float(land["rms_referee_mean"]), rel=0.005)
    assert rows["Factor on the pick errors"] == "1 (as given)"
    assert key_numbers(marine_ensemble(4))["rms misfit of the mean model (referee)"].endswith(" s")


def test_optional_numbers_appear_when_they_are_there(land):
    scaled = land.assign(sigma_scale=land["sigma_scale"] * 1.7, chi2_network=land["chi2_ray"])
    rows = key_numbers(scaled)
    assert "1.70" in rows["Factor on the pick errors"]
    assert "chi² per pick, by the network" in rows


def test_diagnostics_come_before_the_figures_and_say_what_to_do(land, land_text):
    wrong = land.copy(deep=True)
    wrong["check_value"].values[1], wrong["check_z"].values[1] = 9.0, 8.0
    text = Page(report.report_html(wrong)).text
    start = text.index("What is good, and what each figure means")
    assert start < text.index("Were the settings right?") < text.index("Mean velocity")
    assert "9.00 (look here)" in text
    assert "The prior is too stiff: use a larger amplitude" in text
    assert text.count("look here") == 2  # 16 members are few
    assert land_text.count("look here") == 1


def test_an_older_ensemble_has_a_report_without_left_out_picks(land):
    names = [name for name in land if str(name).startswith(("check_", "left_out", "predicted_std"))]
    text = Page(report.report_html(land.drop_vars([*names, "check"]))).text
    assert "Were the settings right?" not in text
    assert "Leakage of the rays' kernels" in text


def test_settings_notes_version_and_checksum_are_told(land, land_text):
    for part in ("n members 16", "cell automatic", "amplitude 0.3", "seisnb 0.1.0", "seed 0"):
        assert part in land_text
    assert "9 rows with zero offset were dropped." in land_text
    assert land.attrs["survey_checksum"] in land_text


def test_settings_have_units_and_long_tables_are_summed_up(land):
    profile = [[0.0, 0.5], [0.001, 0.6666666], [0.01, 2.0], [0.02, 3.25]]
    prior = json.dumps({"length_depth": 0.000933333, "profile": profile})
    shown = report.shown_settings(land.assign_attrs(prior=prior), "prior", PriorConfig)
    assert shown["length depth"] == "0.0009333 km"
    assert shown["profile"] == "4 values, (0, 0.5) to (0.02, 3.25) km, km/s"


def test_level_and_all_reasons_are_shown_by_word_and_symbol(land):
    sentences = ["The <b>first</b> reason: raise n_steps.", "The second: use more.", "Conditional."]
    for level, word, symbol in (("good", "Good", "✓"), ("care", "Care", "▲"), ("bad", "Bad", "✕")):
        shown = land.assign_attrs(verdict="\n".join(sentences), verdict_level=level)
        page = Page(report.report_html(shown))
        assert f"{symbol} {word}" in page.text.replace("\xa0", " ")
        assert all(each in page.text for each in sentences)
        boxes = [a for tag, a in page.tags if "seisnb-judged" in a.get("class", "")]
        assert [box["class"] for box in boxes] == [f"seisnb-judged {level}"]


def test_an_older_verdict_is_not_believed(land):
    older = land.assign_attrs(verdict="Everything is fine.")
    del older.attrs["verdict_level"]
    text = Page(report.report_html(older)).text
    assert "Everything is fine." not in text
    assert "▲ Care" in text or "✕ Bad" in text
    assert "The intervals are conditional on" in text


def test_gates_have_a_table_with_what_is_allowed(land):
    text = Page(report.report_html(land)).text
    start = text.index("What every good result must meet")
    assert text.index("How far to believe it") < start
    assert start < text.index("What is good, and what each figure means")
    part = text[start:]
    assert "Distinct members 16 16 ✓ yes" in part
    assert "? not known" in part  # the fake has no objective
    equal = land.copy(deep=True)
    equal["velocity"].values[3] = equal["velocity"].values[7]
    part = Page(report.report_html(equal)).text
    assert "Distinct members 15 16 ✕ no Only 15 of 16 members are distinct models" in part


def test_no_caption_claims_more_than_is_known(land):
    text = Page(report.report_html(land)).text
    assert "required by the data" not in text
    assert "is the result." not in text.split("Gain over the prior")[0]


def test_cancelled_run_is_said(land, land_text):
    assert "was cancelled" in Page(report.report_html(land.assign_attrs(cancelled=1))).text
    assert "was cancelled" not in land_text


def test_64_members_on_a_large_grid_stay_below_8_megabytes(tmp_path):
    ensemble = marine_ensemble(64)
    fine = ensemble.interp(
        easting=[float(ensemble.easting[0]) + i * 0.325 for i in range(401)],
        depth=[i * 0.16 for i in range(201)],
    )
    fine["rock"] = fine["rock"] > 0.5
    assert write_report(fine, tmp_path / "report.html").stat().st_size < 8e6


def test_only_an_ensemble_is_accepted(marine_survey, tmp_path):
    with pytest.raises(InputError, match="no variable 'velocity'"):
        write_report(marine_survey, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_report_and_no_rest(land, tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")

    def full(_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_report(land, target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_refused(land, tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(OutputError, match="not a folder"):
        write_report(land, tmp_path / "results" / "report.html")
    assert Path(tmp_path / "results").is_file()
