"""Hypocentres out: QuakeML by ObsPy, and NonLinLoc's .hyp and .scat.

Both give the most probable hypocentre, the covariance of the posterior over all models around it,
every pick with residual and weight, and those that were not located with. Both are read back by
ObsPy.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import OutputError
from seisnb.eigenvectors import signed
from seisnb.io.atomic import replaced
from seisnb.io.events.quakeml import OWN_PREFIX

Array = NDArray[np.float64]

#: One degree of a great circle [km], as ObsPy counts it.
DEGREE = 111.19492664
#: Semi-axes of an ellipse that holds 68 % of a normal distribution, in standard deviations.
ELLIPSE_68 = 1.5095921854516636


def write_quakeml(hypocentres: xr.Dataset, path: str | Path) -> None:
    """Write a catalogue as QuakeML 1.2.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    path : str or Path
        The file.

    Raises
    ------
    OutputError
        It cannot be written.

    Notes
    -----
    An event's resource id is ``smi:local/seisnb/...``; its name in the source is the description of
    type "earthquake name". Picks that were not located with have no arrival and are marked as
    rejected. The comment of an origin holds depth intervals and the one-model answer.
    """
    from obspy.core.event import Catalog

    picks = _Picks(hypocentres)
    picks = _Picks(hypocentres)
    events = [
        _event(hypocentres.isel(event=i), i, hypocentres, picks)
        for i in range(hypocentres.sizes["event"])
    ]
    catalogue = Catalog(events=events, resource_id=f"{OWN_PREFIX}catalogue")
    with replaced(path, where="write_quakeml") as temporary:
        catalogue.write(str(temporary), format="QUAKEML")


def _event(one: xr.Dataset, index: int, whole: xr.Dataset, table: _Picks) -> Any:
    """One event as ObsPy knows it."""
    from obspy.core.event import (
        Arrival,
        Comment,
        ConfidenceEllipsoid,
        CreationInfo,
        Event,
        EventDescription,
        Origin,
        OriginQuality,
        OriginUncertainty,
        Pick,
        QuantityError,
        WaveformStreamID,
    )  # fmt: skip

    name, identifier = str(one["event"].values), f"{OWN_PREFIX}event/{index}"
    ellipse = horizontal_ellipse(one)
    ellipsoid = rotated_axes(one)
    std = one["std"].values
    picks, arrivals = [], []
    for k, row in table.of(name):
        located = bool(np.isfinite(row["residual"]))
        network, code = _codes(str(row["pick_station"]))
        pick = Pick(
            resource_id=f"{OWN_PREFIX}pick/{k}",
            time=_utc(row["arrival_time"]),
            time_errors=QuantityError(uncertainty=float(row["pick_std"])),
            waveform_id=WaveformStreamID(network_code=network, station_code=code),
            phase_hint=str(row["pick_phase"]),
            evaluation_status=None if located else "rejected",
        )
        picks.append(pick)
        if located:
            arrivals.append(
                Arrival(
                    resource_id=f"{OWN_PREFIX}arrival/{k}",
                    pick_id=pick.resource_id,
                    phase=str(row["pick_phase"]),
                    time_residual=float(row["residual"]),
                    time_weight=float(row["weight"]),
                    distance=float(row["distance"]) / DEGREE,
                    azimuth=float(row["azimuth"]),
                )
            )
    origin = Origin(
        resource_id=f"{identifier}/origin",
        time=_utc(one["best_origin_time"].values),
        time_errors=QuantityError(uncertainty=float(std[3])),
        longitude=float(one["best_longitude"]),
        longitude_errors=QuantityError(
            uncertainty=float(
                std[0] / (DEGREE * np.cos(np.radians(float(one["best_latitude"]))))
            )
        ),
        latitude=float(one["best_latitude"]),
        latitude_errors=QuantityError(uncertainty=float(std[1]) / DEGREE),
        depth=1e3 * float(one["best_depth"]),
        depth_errors=QuantityError(uncertainty=1e3 * float(std[2]), confidence_level=68),
        depth_type="from location",
        earth_model_id=f"{OWN_PREFIX}ensemble/{whole.attrs['ensemble_checksum'][:16]}",
        method_id=f"{OWN_PREFIX}locate",
        quality=OriginQuality(
            associated_phase_count=len(picks),
            used_phase_count=int(one["n_used"]),
            used_station_count=int(one["n_stations"]),
            standard_error=float(one["rms"]),
            azimuthal_gap=float(one["azimuthal_gap"]),
            minimum_distance=float(one["nearest_station"]) / DEGREE,
        ),
        origin_uncertainty=OriginUncertainty(
            horizontal_uncertainty=1e3 * ellipse[0],
            max_horizontal_uncertainty=1e3 * ellipse[0],
            min_horizontal_uncertainty=1e3 * ellipse[1],
            azimuth_max_horizontal_uncertainty=ellipse[2],
            confidence_ellipsoid=ConfidenceEllipsoid(
                semi_major_axis_length=1e3 * ellipsoid[0],
                semi_intermediate_axis_length=1e3 * ellipsoid[1],
                semi_minor_axis_length=1e3 * ellipsoid[2],
                major_axis_azimuth=ellipsoid[3],
                major_axis_plunge=ellipsoid[4],
                major_axis_rotation=ellipsoid[5],
            ),
            preferred_description="confidence ellipsoid",
            confidence_level=68,
        ),
        arrivals=arrivals,
        comments=[
            Comment(
                text=json.dumps(_said(one)), resource_id=f"{identifier}/origin/comment",
            )
        ],
        creation_info=CreationInfo(
            agency_id="seisnb", version=str(whole.attrs["seisnb_version"])
        ),
    )  # fmt: skip
    return Event(
        resource_id=identifier,
        event_type="earthquake",
        event_descriptions=[EventDescription(text=name, type="earthquake name")],
        picks=picks,
        origins=[origin],
        preferred_origin_id=origin.resource_id,
    )


class _Picks:
    """All picks as columns, by event."""

    NAMES = (
        "pick_station", "pick_phase", "arrival_time", "pick_std", "residual", "weight",
        "distance", "azimuth",
    )  # fmt: skip

    def __init__(self, whole: xr.Dataset) -> None:
        """Take the columns out of a Dataset."""
        self.columns = {name: whole[name].values for name in self.NAMES}
        self.rows: dict[str, list[int]] = {}
        for k, name in enumerate(whole["pick_event"].values):
            self.rows.setdefault(str(name), []).append(k)

    def of(self, event: str) -> list[tuple[int, dict[str, Any]]]:
        """Number and values of every pick of an event."""
        return [
            (k, {name: column[k] for name, column in self.columns.items()})
            for k in self.rows.get(event, [])
        ]


def _codes(station: str) -> tuple[str, str]:
    """Network and station code; a name that is no ``NET.STA`` is the code as it stands."""
    parts = station.split(".")
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else ("XX", station)


def _said(one: xr.Dataset) -> dict[str, Any]:
    """What QuakeML has no field for."""
    depth = one["quantile_value"].sel(component="depth")
    said: dict[str, Any] = {
        "depth_km": {f"{float(q):g}": round(float(depth.sel(quantile=q)), 3)
                     for q in one["quantile"].values},
        "mean": {n: round(float(one[f"mean_{n}"]), 5) for n in ("longitude", "latitude", "depth")},
        "n_effective_models": round(float(one["n_effective_models"]), 1),
    }  # fmt: skip
    if "single_mean_depth" in one:
        said["mean_model"] = {
            n: round(float(one[f"single_mean_{n}"]), 5) for n in ("longitude", "latitude", "depth")
        } | {"depth_std_km": round(float(one["single_std"].sel(component="depth")), 3)}
    return said


def horizontal_ellipse(one: xr.Dataset) -> tuple[float, float, float]:
    """Semi-axes [km] of the 68 % epicentral ellipse, and the azimuth of the longer [degrees]."""
    value, vector = np.linalg.eigh(one["covariance"].values[:2, :2])
    long, short = ELLIPSE_68 * np.sqrt(np.maximum(value[::-1], 0.0))
    east, north = signed(vector)[:, 1]
    azimuth = np.degrees(np.arctan2(east, north)) % 180.0
    return float(long), float(short), float(azimuth)


def rotated_axes(one: xr.Dataset) -> tuple[float, float, float, float, float, float]:
    """Semi-axes [km] of the 68 % ellipsoid; azimuth, plunge and rotation of QuakeML [degrees]."""
    lengths = one["ellipsoid_length"].values
    axes = one["ellipsoid_axis"].values.copy()
    major = axes[0] if axes[0, 2] >= 0 else -axes[0]
    azimuth, plunge = _direction(major)
    # rotation about the major axis, from the horizontal axis beside it to the minor axis' plane
    level = np.array([np.cos(np.radians(azimuth)), -np.sin(np.radians(azimuth)), 0.0])
    upright = np.cross(major, level)
    rotation = float(np.degrees(np.arctan2(axes[1] @ upright, axes[1] @ level))) % 180.0
    a, b, c = (float(length) for length in lengths)
    return a, b, c, azimuth, plunge, rotation


def _direction(axis: Array) -> tuple[float, float]:
    """Azimuth and plunge [degrees] of a unit vector (easting, northing, depth)."""
    azimuth = float(np.degrees(np.arctan2(axis[0], axis[1]))) % 360.0
    return azimuth, float(np.degrees(np.arcsin(np.clip(axis[2], -1.0, 1.0))))


def _utc(time: Any) -> Any:
    """ObsPy's time, to the nanosecond."""
    from obspy import UTCDateTime

    return UTCDateTime(ns=int(np.datetime64(time, "ns").astype(np.int64)))


def write_nonlinloc(hypocentres: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write every event as NonLinLoc's ``.hyp`` and ``.scat``.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    folder : str or Path
        Where the files go; made if it is not there. A file is called by the event's number and
        name, other characters than letters, digits, dot, dash replaced.

    Returns
    -------
    list of Path
        The ``.hyp`` files.

    Raises
    ------
    OutputError
        The folder cannot be made or written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"write_nonlinloc: the folder {folder} cannot be made ({error.strerror or error}). "
            "Choose one that you can write to."
        ) from error
    written, picks = [], _Picks(hypocentres)
    for i in range(hypocentres.sizes["event"]):
        one = hypocentres.isel(event=i)
        stem = f"{i:06d}_" + re.sub(r"[^A-Za-z0-9-]+", "_", str(one["event"].values))[:60]
        with replaced(folder / f"{stem}.scat", where="write_nonlinloc") as temporary:
            temporary.write_bytes(_scatter(one))
        path = folder / f"{stem}.hyp"
        with replaced(path, where="write_nonlinloc") as temporary:
            temporary.write_text(
                _hyp(one, stem, hypocentres, picks), encoding="ascii", errors="replace"
            )
        written.append(path)
    return written


def _scatter(one: xr.Dataset) -> bytes:
    """Number of samples, three empty words, then x, y, z [km] and density of every sample."""
    density = np.exp(one["log_density"].values - float(one["best_log_density"]))
    columns = [one[name].values for name in ("easting", "northing", "depth")]
    samples = np.column_stack([*columns, density]).astype("<f4")
    head = np.zeros(4, "<i4")
    head[0] = samples.shape[0]
    return head.tobytes() + samples.tobytes()


def _hyp(one: xr.Dataset, stem: str, whole: xr.Dataset, table: _Picks) -> str:
    """The text of a hypocentre-phase file."""
    name = str(one["event"].values)
    x, y, z = (float(one[f"best_{n}"]) for n in ("easting", "northing", "depth"))
    ex, ey, ez = (float(one[f"mean_{n}"]) for n in ("easting", "northing", "depth"))
    c = one["covariance"].values
    time = _utc(one["best_origin_time"].values)
    long, short, azimuth = horizontal_ellipse(one)
    lengths, axes = one["ellipsoid_length"].values, one["ellipsoid_axis"].values
    (az1, dip1), (az2, dip2) = (
        _direction(axes[i] * (1.0 if axes[i, 2] >= 0 else -1.0)) for i in (2, 1)
    )
    rows = [row for _, row in table.of(name)]
    used = [row for row in rows if np.isfinite(row["residual"])]
    distances = np.array([row["distance"] for row in used])
    now = _utc(np.datetime64("now"))
    major = rotated_axes(one)
    clean = re.sub(r"[^\x20-\x7e]", "?", name).replace('"', "'")
    seconds = time.second + time.microsecond * 1e-6
    lines = [
        f'NLLOC "{stem}" "LOCATED" "Location completed."',
        f'SIGNATURE "seisnb   seisnb:v{whole.attrs["seisnb_version"]} '
        f'run:{now.strftime("%d%b%Y %Hh%Mm%S")}"',
        f'COMMENT "event {clean}; posterior over {whole.sizes["member"]} velocity models"',
        "GRID  0 0 0  0 0 0  0 0 0 PROB_DENSITY",
        f"SEARCH OCTREE nScatter {whole.sizes['sample']}",
        f"HYPOCENTER  x {x:.5f} y {y:.5f} z {z:.5f}  OT {seconds:.5f}  ix -1 iy -1 iz -1",
        f"GEOGRAPHIC  OT {time.year:4d} {time.month:02d} {time.day:02d}  {time.hour:02d} "
        f"{time.minute:02d} {seconds:.6f}  Lat {float(one['best_latitude']):.6f} "
        f"Long {float(one['best_longitude']):.6f} Depth {z:.5f}",
        f"QUALITY  Pmax 1 MFmin -1 MFmax -1 RMS {float(one['rms']):.5g} Nphs {len(used)} "
        f"Gap {float(one['azimuthal_gap']):.3f} Dist {float(one['nearest_station']):.3f} "
        "Mamp -9.90 0 Mdur -9.90 0",
        "VPVSRATIO  VpVsRatio -1  Npair 0  Diff -1",
        f"STATISTICS  ExpectX {ex:.6g} Y {ey:.6g} Z {ez:.6g}  CovXX {c[0, 0]:.6g} XY {c[0, 1]:.6g} "
        f"XZ {c[0, 2]:.6g} YY {c[1, 1]:.6g} YZ {c[1, 2]:.6g} ZZ {c[2, 2]:.6g} EllAz1  {az1:.3f} "
        f"Dip1  {dip1:.3f} Len1  {lengths[2]:.6g} Az2  {az2:.3f} Dip2  {dip2:.3f} "
        f"Len2  {lengths[1]:.6g} Len3  {lengths[0]:.6e}",
        f"STAT_GEOG  ExpectLat {float(one['mean_latitude']):.6f} "
        f"Long {float(one['mean_longitude']):.6f} Depth {ez:.6f}",
        f"TRANSFORM  PROJ {whole.attrs['projection']}",
        f"QML_OriginQuality  assocPhCt {len(rows)}  usedPhCt {len(used)}  assocStaCt -1"
        f"  usedStaCt {int(one['n_stations'])}  depthPhCt -1  stdErr {float(one['rms']):.5g}  "
        f"azGap {float(one['azimuthal_gap']):.3f}  secAzGap -1  gtLevel -  "
        f"minDist {distances.min():.3f} maxDist {distances.max():.3f} "
        f"medDist {np.median(distances):.3f}",
        f"QML_OriginUncertainty  horUnc -1  minHorUnc {short:.5g}  maxHorUnc {long:.5g}  "
        f"azMaxHorUnc {azimuth:.3f}",
        f"QML_ConfidenceEllipsoid  semiMajorAxisLength {major[0]:.5g}  "
        f"semiMinorAxisLength {major[2]:.5g}  semiIntermediateAxisLength {major[1]:.5g}  "
        f"majorAxisPlunge {major[4]:.3f}  majorAxisAzimuth {major[3]:.3f}  "
        f"majorAxisRotation {major[5]:.3f}",
        "PHASE ID Ins Cmp On Pha  FM Date     HrMn   Sec     Err  ErrMag    Coda      Amp       Per"
        "       PriorWt  >   TTpred    Res       Weight    StaLoc(X  Y         Z)        SDist"
        "    SAzim  RAz  RDip RQual    Tcorr ",
    ]
    place = {str(s): i for i, s in enumerate(whole["station"].values)}
    for row in used:
        station = str(row["pick_station"])
        sx, sy, sz = (
            float(whole[f"station_{n}"][place[station]]) for n in ("easting", "northing", "depth")
        )
        pick = _utc(row["arrival_time"])
        phase = str(row["pick_phase"])
        predicted = float(pick - time) - float(row["residual"])
        term = float(whole["station_term"][place[station], 0 if phase == "P" else 1])
        lines.append(
            f"{re.sub(r'[^!-~]', '_', station):6s} ?    ?    ? {phase:6s} ? "
            f"{pick.strftime('%Y%m%d %H%M')} {pick.second + pick.microsecond * 1e-6:9.4f} GAU "
            f"{float(row['pick_std']):9.2e} -1.00e+00 -1.00e+00 -1.00e+00 {1.0:9.4f} > "
            f"{predicted:9.4f} {float(row['residual']):9.4f} {float(row['weight']):9.4f} "
            f"{sx:9.4f} {sy:9.4f} {sz:9.4f} {float(row['distance']):9.4f} "
            f"{float(row['azimuth']):6.2f}  -1.0  -1.0  0 {term:9.4f}"
        )
    return "\n".join([*lines, "END_PHASE", "END_NLLOC", "", ""])
