"""Sections for the browser: what is sent, how precise it is, pages that stand alone."""

import base64
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from fake import write_large_ensemble
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.conventions import InputError
from seisnb.dashboards.section_data import (
    MISSING,
    Overlay,
    ensemble_section,
    overlay_bytes,
    section_data,
    thinned,
)
from seisnb.dashboards.section_page import planes_of, section_page, write_section_page
from seisnb.dashboards.section_view import SectionView


def decoded(data):
    values = data.offset + data.scale * data.codes.astype(float)
    return np.where(data.codes == MISSING, np.nan, values)


def test_codes_hold_the_members_to_the_stated_precision(ensemble):
    data = ensemble_section(ensemble)
    factor = 1000.0 if data.unit == "m/s" else 1.0
    velocity = ensemble["velocity"].values * factor
    found = decoded(data)
    known = np.isfinite(found)
    assert known[0][ensemble["rock"].values].all()
    assert np.abs(found - velocity)[known].max() <= 0.51 * data.scale
    told = float(re.search(r"± ([\d.]+)", data.note)[1])
    assert told == pytest.approx(data.scale / 2, rel=0.06)


def test_the_header_is_json_and_its_buffers_fit(ensemble):
    data = ensemble_section(ensemble)
    header = json.loads(json.dumps(data.header(3), allow_nan=False))
    n_cells = header["grid"]["nx"] * header["grid"]["nz"]
    assert len(data.field_bytes()) == 4 * n_cells * len(header["fields"])
    n_floats = sum(each["n"] * (3 if each["kind"] == "fill" else 2) for each in header["overlays"])
    assert len(overlay_bytes(data.overlays)) == 4 * n_floats
    assert all(len(palette) == 6 * 256 for palette in header["palettes"].values())
    assert header["revision"] == 3
    assert {"shots", "receivers", "surface", "deepest_ray"} <= {
        each["name"] for each in header["overlays"]
    }


def test_equal_weights_are_left_out_and_others_are_sent(marine):
    assert ensemble_section(marine).weights is None
    other = marine.assign(log_weight=("particle", np.log(np.arange(1.0, 17.0))))
    weights = ensemble_section(other).weights
    assert_allclose(weights / weights.sum(), np.arange(1, 17) / np.arange(1, 17).sum())


def test_a_large_ensemble_is_thinned_and_says_so(marine):
    small, told = thinned(marine, 10**9)
    assert small is marine
    assert told == ""
    limit = 200_000
    data = ensemble_section(marine, max_bytes=limit)
    assert data.codes.nbytes <= limit
    assert "Too large for a browser" in data.note
    assert "of 16 members on 241 x 81" in data.note
    assert_allclose([data.x[0], data.x[-1]], marine["easting"].values[[0, -1]], atol=1.1)


@pytest.mark.slow
def test_an_ensemble_of_a_gigabyte_is_opened_lazily_and_sent_within_the_limit(tmp_path):
    from seisnb.io import open_ensemble

    with open_ensemble(write_large_ensemble(tmp_path / "large.zarr"), load=False) as large:
        assert large["velocity"].nbytes > 1e9
        data = ensemble_section(large)
    assert data.codes.nbytes <= 60e6
    assert "of 1000 members on 801 x 321" in data.note


@pytest.mark.parametrize(
    ("velocity", "message"),
    [
        (np.ones((3, 4)), "shape"),
        (np.ones((3, 4, 6)), "shape"),
        (np.full((3, 4, 5), np.nan), "finite"),
        (np.ones((0, 4, 5)), "finite"),
    ],
)
def test_what_is_no_section_is_refused(velocity, message):
    with pytest.raises(InputError, match=message):
        section_data(velocity, np.arange(5.0), np.arange(4.0), title="t")


def test_a_fill_needs_its_other_edge():
    fill = Overlay(name="f", kind="fill", x=np.zeros(2), z=np.zeros(2), colour="red")
    with pytest.raises(InputError, match="other edge"):
        overlay_bytes([fill])


class Sent(list):
    def __call__(self, message, buffers=None):
        self.append((message, [bytes(part) for part in buffers or []]))


@pytest.fixture
def view(marine):
    view = SectionView(ensemble_section(marine))
    view.send = Sent()
    return view


def ask(view):
    view.send.clear()
    view._on_message(view, {"kind": "section", "id": "q"}, [])
    assert all(message["re"] == "q" for message, _ in view.send)
    return view.send


def test_a_page_gets_header_then_all_members_once(view, monkeypatch):
    monkeypatch.setattr("seisnb.dashboards.section_view.CHUNK", 100_000)
    (header, buffers), *members = ask(view)
    assert header["kind"] == "header"
    assert len(buffers) == 2
    assert [message["done"] for message, _ in members] == [False] * (len(members) - 1) + [True]
    joined = b"".join(part for _, [part] in members)
    assert joined == view.data.codes.tobytes()
    assert [message["first"] for message, _ in members] == sorted(
        {message["first"] for message, _ in members}
    )
    assert len(members) > 3


def test_members_that_arrive_later_reach_new_pages_too(view, marine):
    view.append(marine["velocity"].values[3])
    [(message, [codes])] = view.send
    assert (message["kind"], message["first"]) == ("append", 16)
    (header, _), *members = ask(view)
    assert header["header"]["nMembers"] == 17
    assert b"".join(part for _, [part] in members).endswith(codes)


def test_another_section_is_a_new_revision_within_its_limits(view, land):
    view.member, view.limits = 15, [1.0, 2.0]
    view.show(ensemble_section(land.isel(particle=slice(0, 4))))
    assert (view.revision, view.member, view.limits) == (1, 0, [])
    assert view.data.limits[0] < view.threshold < view.data.limits[1]


def test_nothing_big_is_kept_in_the_notebook(view):
    state = {k: v for k, v in view.get_state().items() if k != "_esm"}
    assert len(json.dumps(state, default=str)) < 2500


def test_overlays_change_without_the_members(view):
    view.set_overlays(view.data.overlays[:2])
    [(message, [points])] = view.send
    assert message["kind"] == "overlays"
    assert points == overlay_bytes(view.data.overlays[:2])


def unpacked(page):
    body = re.search(r'id="ensemble">(.*?)</script>', page, re.S)[1]
    return json.loads(body)


def test_a_page_stands_alone_and_holds_the_members(marine):
    data = ensemble_section(marine)
    page = section_page(data, state={"quantity": "std"})
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    packed = unpacked(page)
    assert packed["state"]["quantity"] == "std"
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["members"])), np.uint8)
    assert planes.tobytes() == planes_of(data.codes)
    half = planes.size // 2
    steps = planes[:half].astype(np.uint16) + 256 * planes[half:].astype(np.uint16)
    codes = np.cumsum(steps.reshape(data.codes.shape), axis=1, dtype=np.uint16)
    assert_array_equal(codes, data.codes)


def test_values_are_rounded_until_a_page_fits_and_it_says_so(marine):
    data = ensemble_section(marine)
    whole, small = section_page(data), section_page(data, max_bytes=500_000)
    assert len(small) < 500_000 < len(whole)
    step = unpacked(small)["header"]["quantisation"]["scale"] / data.scale
    assert step in (4, 16, 64, 256)
    assert unpacked(small)["header"]["note"] != unpacked(whole)["header"]["note"]
    with pytest.raises(InputError, match="do not fit"):
        section_page(data, max_bytes=150_000)


def test_sixty_four_members_stay_below_five_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=(64, 101, 401)), (0, 6, 18))
    velocity = 2.0 + 0.06 * np.arange(101)[:, None] + 0.5 * noise / noise.std()
    data = section_data(velocity, np.linspace(0, 120, 401), np.linspace(0, 30, 101), title="t")
    path = write_section_page(data, tmp_path / "section.html")
    assert path.stat().st_size < 5_000_000


def test_texts_from_files_do_not_break_out_of_the_page(marine):
    data = replace(
        ensemble_section(marine), title="</script><script>alert(1)</script>", names=("<img>",) * 16
    )
    page = section_page(data)
    assert "<script>alert" not in page
    assert page.count("</script>") == 3
    with pytest.raises(InputError, match="no setting"):
        section_page(data, state={"quantty": "std"})
