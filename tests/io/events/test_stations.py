"""Stations of every format: signs and units of heights, names, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import read_stations
from seisnb.projection import Projection

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]
HERE = "+proj=tmerc +lat_0=45 +lon_0=-125 +ellps=WGS84 +units=km"

NLLOC = """# stations
CONTROL 1 54321
GTSRCE OBS1 LATLON 46.5 -125.25 2.4 0.0
GTSRCE MTN  LATLON 46.25 -123.5 0.0 1.25  # on a mountain
LOCSRCE DM LATLONDM 46 30.0 N 123 45.0 W 0.1 0.5
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
<Source>x</Source><Created>2020-01-01T00:00:00</Created>
<Network code="7D">{stations}</Network>
<Network code="UW">{others}</Network>
</FDSNStationXML>
"""


def station(code: str, elevation: float, *depths: float, latitude: float = 46.0) -> str:
    """A station of StationXML, one channel for each depth."""
    place = f"<Latitude>{latitude}</Latitude><Longitude>-124.5</Longitude>"
    place += f"<Elevation>{elevation}</Elevation>"
    channels = "".join(
        f'<Channel code="HH{"ZNE"[i]}" locationCode="">{place}<Depth>{depth}</Depth>'
        "<Azimuth>0</Azimuth><Dip>0</Dip></Channel>"
        for i, depth in enumerate(depths)
    )
    return f'<Station code="{code}">{place}<Site><Name>x</Name></Site>{channels}</Station>'


def test_nonlinloc(write: Write) -> None:
    stations = read_stations(write("a.in", NLLOC))
    assert list(stations["station"].values) == ["OBS1", "MTN", "DM"]
    np.testing.assert_allclose(stations["depth"], [2.4, -1.25, -0.4])
    np.testing.assert_allclose(stations["longitude"], [-125.25, -123.5, -123.75])
    np.testing.assert_allclose(stations["latitude"], [46.5, 46.25, 46.5])


def test_nonlinloc_in_km(write: Write, notes: Notes) -> None:
    path = write("a.in", "GTSRCE A XYZ 10 20 1 0\nGTSRCE B XYZ -10 0 0 0.5\n")
    alone = read_stations(path)
    np.testing.assert_array_equal(alone["easting"], [10, -10])
    assert "Pass projection to place them on the earth" in notes(alone)[0]
    placed = read_stations(path, projection=HERE)
    np.testing.assert_array_equal(placed["northing"], [20, 0])
    assert float(placed["longitude"][0]) == pytest.approx(-124.87, abs=0.01)
    assert notes(placed) == []
    mixed = write("b.in", "GTSRCE A XYZ 10 20 1 0\nGTSRCE B LATLON 45 -125 0 0.5\n")
    with pytest.raises(InputError, match="some stations are in km, some in degrees"):
        read_stations(mixed)
    both = read_stations(mixed, projection=Projection(HERE))
    np.testing.assert_allclose(both["easting"], [10, 0], atol=1e-9)
    np.testing.assert_allclose(both["northing"], [20, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LATLON 46.5", "LATLONX 46.5", "line 3: the kind of coordinates is 'LATLONX'"),
        ("2.4 0.0", "2.4", "line 3: .* has 6 values; expected at least 7"),
        ("2.4", "deep", "line 3: z is 'deep'; expected a number"),
        (
            "46.5 -125.25",
            "-125.25 46.5",
            "line 3: station 'OBS1' is at longitude 46.5, latitude -1",
        ),
        ("46 30.0 N", "46 60.0 N", "line 5: the angle is '46 60.0 N'"),
        ("123 45.0 W", "123 45.0 N", "line 5: the angle is '123 45.0 N'; .* E or W"),
        ("MTN ", "OBS1", r"line 4: station 'OBS1' is at .* but in a.in, line 3 at \(-125.25"),
    ],
)
def test_nonlinloc_bad_lines(write: Write, old: str, new: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_stations(write("a.in", NLLOC.replace(old, new)))


@pytest.mark.parametrize(
    ("column", "value", "depth"),
    [
        ("elevation", "-2400", 2.4),
        ("elevation_m", "800", -0.8),
        ("Elevation_km", "0.8", -0.8),
        ("depth_km", "2.4", 2.4),
        ("depth_m", "2400", 2.4),
    ],
)
def test_csv_heights(write: Write, column: str, value: str, depth: float) -> None:
    text = f"id,lon,lat,{column}\nA,-125,45,{value}\nB,-124,45,{value}\n"
    np.testing.assert_allclose(read_stations(write("a.csv", text))["depth"], depth)


def test_csv_columns(write: Write, notes: Notes) -> None:
    text = "station;longitude;latitude;elevation\nA;-125;45;1.5\nA;-125;45;1.5\n"
    stations = read_stations(write("a.csv", text))
    assert notes(stations) == [
        "The column 'elevation' was taken as metres above sea level.",
        "All elevations are within 9 m of sea level. If they are km, call the column elevation_km.",
        "Listed more than once at the same place: A.",
    ]
    networks = "network,code,lon,lat,depth_km\nUW,A,-125,45,0\nPB,A,-124,45,0\nPB,B,-124,44,0\n"
    named = read_stations(write("b.csv", networks))
    assert list(named["station"].values) == ["UW.A", "PB.A", "PB.B"]
    plane = read_stations(write("c.csv", "name,easting_km,northing_km,depth_m\nA,1,2,-30\n"))
    assert (float(plane["easting"][0]), float(plane["depth"][0])) == (1.0, -0.03)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("id,lon,lat,depth", "A,-125,45,2.4", "line 1: the column 'depth' has no unit; expected "
         "depth_km or depth_m"),
        ("id,lon,lat", "A,-125,45", "line 1: no column gives the height of the stations"),
        ("id,lon,lat,depth_m,elevation", "A,-125,45,1,1", "elevation_m, depth_m gives the height"),
        ("id,lat,elevation", "A,45,1", "no column holds the longitude"),
        ("id,lon,lat,elevation", "A,-125,45", "line 2: 'A,-125,45' has 3 values; expected 4"),
        ("id,lon,lat,elevation", "A,-125,high,1", "line 2: latitude is 'high'; expected a number"),
        ("id,lon,lat,elevation", "A,-125,nan,1", "line 2: latitude is 'nan'; expected a finite"),
        ("id,lon,lat,elevation", ",-125,45,1", "line 2: the station is empty"),
        ("id,lon,lat,elevation", "A,45,-125,1", "line 2: station 'A' is at longitude 45"),
    ],
)  # fmt: skip
def test_csv_mistakes(write: Write, header: str, row: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_stations(write("a.csv", f"{header}\n{row}\n"))


def test_metres_taken_for_km(write: Write) -> None:
    with pytest.raises(GeometryError, match="depth of station A is -800 km"):
        read_stations(write("a.csv", "id,lon,lat,elevation_km\nA,-125,45,800\n"))


def test_hypodd(write: Write, notes: Notes) -> None:
    text = "NCCSP 37.95 -122.5 1200\nNCNCA 37:30.0 -122:15 \nSOUTH -0:30.0 -122.5 -10\n"
    stations = read_stations(write("station.dat", text))
    np.testing.assert_allclose(stations["latitude"], [37.95, 37.5, -0.5])
    np.testing.assert_allclose(stations["longitude"], [-122.5, -122.25, -122.5])
    np.testing.assert_allclose(stations["depth"], [-1.2, 0, 0.01])
    assert notes(stations) == ["Without an elevation, put at sea level: NCNCA."]
    with pytest.raises(FileFormatError, match="line 1: elevation is 'high'"):
        read_stations(write("b.dat", "A 37 -122 high\n"))
    with pytest.raises(FileFormatError, match="latitude is '37:75'; expected degrees:minutes"):
        read_stations(write("c.dat", "A 37:75 -122 1\n"))


def test_win(write: Write, files: dict[str, tuple[str, str]]) -> None:
    stations = read_stations(write(*files["hypomh"]))
    assert list(stations["station"].values) == ["ASO", "KBH", "NIK"]
    np.testing.assert_allclose(stations["depth"], [-0.72, -0.75, -1.31])
    np.testing.assert_allclose(stations["latitude"], [36.64934, 36.6545, 36.62144])


def test_stationxml(write: Write, notes: Notes) -> None:
    xml = XML.format(
        stations=station("J25A", -142.0)
        + station("WATER", -2400.0, 2400.0, 2400.0)
        + station("SEABED", -2400.0, 0.0),
        others=station("HOLE", 100.0, 150.0, 150.0) + station("SEVERAL", 100.0, 0.0, 150.0),
    )
    stations = read_stations(write("a.xml", xml))
    assert list(stations["station"].values) == ["J25A", "WATER", "SEABED", "HOLE", "SEVERAL"]
    np.testing.assert_allclose(stations["depth"], [0.142, 2.4, 2.4, 0.05, -0.1])
    assert notes(stations) == [
        "Depth below ground of the channels was added: UW.HOLE (150 m).",
        "Channels at several depths below ground; the station's elevation was taken: UW.SEVERAL.",
        "Depth of the channels is that of the water and was not added again: 7D.WATER.",
    ]


def test_stationxml_names(write: Write, notes: Notes) -> None:
    epochs = station("A", 1.0) * 2
    merged = read_stations(write("a.xml", XML.format(stations=epochs, others="")))
    assert list(merged["station"].values) == ["A"]
    assert notes(merged) == ["Listed more than once at the same place: A."]
    two = XML.format(stations=station("A", 1.0), others=station("A", 2.0) + station("B", 2.0))
    named = read_stations(write("b.xml", two))
    assert list(named["station"].values) == ["7D.A", "UW.A", "UW.B"]
    moved = XML.format(stations=station("A", 1.0) + station("A", 1.0, latitude=46.5), others="")
    with pytest.raises(FileFormatError, match="station 7D.A: station 'A' is at .*one place for"):
        read_stations(write("c.xml", moved))


def test_hostile_and_broken_xml(write: Write) -> None:
    good = XML.format(stations=station("A", 1.0), others="")
    bomb = good.replace("<FDSN", '<!DOCTYPE a [<!ENTITY b "c">]>\n<FDSN', 1)
    with pytest.raises(FileFormatError, match="line 2: there is a <!DOCTYPE"):
        read_stations(write("a.xml", bomb))
    with pytest.raises(FileFormatError, match="is no well-formed XML"):
        read_stations(write("b.xml", good.replace("</Network>", "")))
    with pytest.raises(FileFormatError, match="is of no known format; it starts '<a/>'"):
        read_stations(write("c.xml", "<a/>"))
    with pytest.raises(FileFormatError, match="the root element <a>; expected StationXML"):
        read_stations(write("d.xml", "<a/>"), "stationxml")


def test_formats_and_empty_files(write: Write, tmp_path: Path) -> None:
    path = write("a.in", NLLOC)
    with pytest.raises(FileFormatError, match="like stations of format 'nlloc'; expected 'csv'"):
        read_stations(path, "csv")
    with pytest.raises(InputError, match="format is 'sta'; expected one of nlloc, csv"):
        read_stations(path, "sta")
    with pytest.raises(FileFormatError, match="of no known format; it starts 'hello'"):
        read_stations(write("b.txt", "hello\n"))
    with pytest.raises(FileFormatError, match="is a binary file"):
        read_stations(write("c.txt", b"\x00" * 10))
    with pytest.raises(FileFormatError, match="is empty"):
        read_stations(write("d.txt", ""))
    with pytest.raises(InputError, match="no stations"):
        read_stations(write("e.in", "CONTROL 1 random\n"), "nlloc")
    with pytest.raises(InputError, match="does not exist"):
        read_stations(tmp_path / "none")


def test_cascadia(data_folder: Path, notes: Notes) -> None:
    stations = read_stations(data_folder / "cascadia_obs2011" / "all_stations_2011.csv")
    assert stations.sizes["station"] == 81
    assert int((stations["depth"] > 0).sum()) == 36
    np.testing.assert_allclose(stations["depth"].sel(station="LZB"), -0.794)
    assert notes(stations) == ["The column 'elevation' was taken as metres above sea level."]
