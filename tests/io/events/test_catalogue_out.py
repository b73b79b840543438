"""Hypocentres out and back: QuakeML and NonLinLoc through ObsPy, NetCDF without loss."""

from __future__ import annotations

import numpy as np
import obspy
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError, OutputError
from seisnb.io import (
    open_ensemble,
    open_hypocentres,
    read_arrivals,
    save_hypocentres,
    write_nonlinloc,
    write_quakeml,
)
from seisnb.location import locate
from tests.location.conftest import arrivals_at, ensemble_of, network, settings


@pytest.fixture(scope="module")
def located() -> xr.Dataset:
    stations = network()
    arrivals = arrivals_at(stations, [(4.0, -3.0, 12.0), (-10.0, 6.0, 18.0)])
    arrivals["used"].values[5] = False
    name = arrivals["event"].values.astype("U20")
    name[name == "ev1"] = "<i>ev & 1</i>/../x"
    arrivals["event"] = ("pick", name)
    return locate(arrivals, stations, ensemble_of(6), settings())


def test_netcdf_and_zarr_keep_everything(located: xr.Dataset, tmp_path) -> None:
    for name in ("hypocentres.nc", "hypocentres.zarr"):
        save_hypocentres(located, tmp_path / name)
        again = open_hypocentres(tmp_path / name)
        xr.testing.assert_identical(again.reset_coords(), located.reset_coords())
        assert again["origin_time"].dtype == "datetime64[ns]"
    with pytest.raises(FileFormatError, match="kind 'ensemble'"):
        open_ensemble(tmp_path / "hypocentres.nc")
    with pytest.raises(InputError, match="of kind 'arrivals'"):
        save_hypocentres(located.assign_attrs(kind="arrivals"), tmp_path / "a.nc")


def test_quakeml_is_read_back(located: xr.Dataset, tmp_path) -> None:
    path = tmp_path / "catalogue.xml"
    write_quakeml(located, path)
    catalogue = obspy.read_events(str(path))
    assert len(catalogue) == 2
    for i, event in enumerate(catalogue):
        origin = event.preferred_origin()
        assert origin.longitude == pytest.approx(located["best_longitude"].values[i])
        assert origin.depth == pytest.approx(1e3 * located["best_depth"].values[i])
        expected = located["best_origin_time"].values[i].astype("datetime64[us]")
        assert np.datetime64(origin.time.datetime) == expected
        assert origin.depth_errors.uncertainty == pytest.approx(
            1e3 * float(located["std"][i].sel(component="depth"))
        )
        uncertainty = origin.origin_uncertainty
        lengths = located["ellipsoid_length"].values[i]
        ellipsoid = uncertainty.confidence_ellipsoid
        assert ellipsoid.semi_major_axis_length == pytest.approx(1e3 * lengths[0])
        assert uncertainty.max_horizontal_uncertainty >= uncertainty.min_horizontal_uncertainty
        assert len(event.picks) == 24
    # the pick that was not located with is kept, rejected, without an arrival
    assert len(catalogue[0].preferred_origin().arrivals) == 23
    assert [p.evaluation_status for p in catalogue[0].picks].count("rejected") == 1
    arrivals = read_arrivals(path)
    assert set(arrivals["event"].values) == set(located["event"].values)
    assert int((~arrivals["used"]).sum()) == 1
    order = np.lexsort((arrivals["phase"], arrivals["station"], arrivals["event"]))
    own = np.lexsort((located["pick_phase"], located["pick_station"], located["pick_event"]))
    apart = arrivals["arrival_time"].values[order] - located["arrival_time"].values[own]
    assert np.abs(apart / np.timedelta64(1, "us")).max() <= 1


def test_nonlinloc_is_read_back(located: xr.Dataset, tmp_path) -> None:
    first, second = write_nonlinloc(located, tmp_path / "nll")
    assert second.parent == tmp_path / "nll"  # the name cannot leave the folder
    assert len(list((tmp_path / "nll").iterdir())) == 4
    event = obspy.read_events(str(first))[0]
    origin = event.origins[0]
    assert origin.latitude == pytest.approx(located["best_latitude"].values[0], abs=1e-5)
    assert origin.depth == pytest.approx(1e3 * located["best_depth"].values[0], abs=0.1)
    assert len(origin.arrivals) == 23
    mine = located["pick_event"].values == located["event"].values[0]
    residual = located["residual"].values[mine]
    found = sorted(a.time_residual for a in origin.arrivals)
    np.testing.assert_allclose(found, np.sort(residual[np.isfinite(residual)]), atol=1e-4)
    words = next(w for w in first.read_text().splitlines() if w.startswith("STATISTICS")).split()
    assert float(words[8]) == pytest.approx(float(located["covariance"][0, 0, 0]), rel=1e-4)
    raw = np.fromfile(first.with_suffix(".scat"), "<f4").reshape(-1, 4)
    assert np.frombuffer(raw[0, :1].tobytes(), "<i4")[0] == 500
    np.testing.assert_allclose(raw[1:, 2], located["depth"].values[0], rtol=1e-6)
    assert raw[1:, 3].max() <= 1.0 + 1e-6


def test_the_ellipsoid_s_angles_are_its_axes(located: xr.Dataset) -> None:
    from seisnb.io.events.catalogue_out import rotated_axes

    for i in range(2):
        one = located.isel(event=i)
        *lengths, azimuth, plunge, rotation = rotated_axes(one)
        a, d, r = np.radians([azimuth, plunge, rotation])
        major = np.array([np.sin(a) * np.cos(d), np.cos(a) * np.cos(d), np.sin(d)])
        level = np.array([np.cos(a), -np.sin(a), 0.0])
        middle = np.cos(r) * level + np.sin(r) * np.cross(major, level)
        axes = one["ellipsoid_axis"].values
        assert abs(major @ axes[0]) == pytest.approx(1, abs=1e-9)
        assert abs(middle @ axes[1]) == pytest.approx(1, abs=1e-9)
        assert lengths == sorted(lengths, reverse=True)


def test_a_folder_that_cannot_be_made(located: xr.Dataset, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        write_nonlinloc(located, tmp_path / "file" / "nll")
    with pytest.raises(OutputError, match="does not exist"):
        write_quakeml(located, tmp_path / "none" / "a.xml")
