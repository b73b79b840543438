"""``seisnb locate``."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seisnb.cli.spreading import add_spreading, spreading
from seisnb.interrupts import EXIT_CANCELLED

if TYPE_CHECKING:
    import xarray as xr

#: Sigmas [s] of picks whose file has none.
PICK_STD = {"P": 0.1, "S": 0.2}


def add_locate(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "locate",
        help="arrivals of earthquakes in, hypocentres over an ensemble of velocity models out",
        description="Writes DIR/hypocentres.nc, DIR/catalogue.xml (QuakeML) and DIR/report.html. "
        "Run it again to resume a run that was stopped. Ctrl-C keeps the events that are done.",
        epilog="example: seisnb locate picks.csv --stations stations.csv --ensemble vel_*.csv "
        "--out located --workers 8",
    )
    command.add_argument("picks", metavar="PICKS", type=Path, help="file of arrivals")
    command.add_argument(
        "--stations", metavar="FILE", type=Path, required=True,
        help="CSV, NonLinLoc lines, hypoDD, hypomh or StationXML",
    )  # fmt: skip
    command.add_argument(
        "--ensemble", metavar="FILE", type=Path, nargs="+", required=True,
        help="seisnb ensembles (.nc, .zarr), 3-D grids (.nc), tables of layers (depth, vp, vs, "
        "vp_grad, vs_grad) or NonLinLoc LAYER lines, one or many",
    )  # fmt: skip
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument(
        "--format", choices=("nlloc", "hypodd", "pyocto", "quakeml", "csv", "hypomh"),
        help="of PICKS; told from its contents by default",
    )  # fmt: skip
    command.add_argument(
        "--likelihood", choices=("student", "gaussian", "edt"), help="of the picks (student)"
    )
    command.add_argument(
        "--vpvs", metavar="RATIO", type=float, default=1.73, help="for models without S (1.73)"
    )
    command.add_argument(
        "--vpvs-std", metavar="STD", type=float, default=0.0,
        help="its standard deviation over the members (0)",
    )  # fmt: skip
    command.add_argument(
        "--pick-std", metavar="P,S", type=_stds,
        help="standard deviations of P and S picks in s, instead of the file's (0.1,0.2 where it "
        "has none)",
    )  # fmt: skip
    command.add_argument(
        "--origin", metavar="LON,LAT", type=_pair, help="where easting 0 of a tomography line lies"
    )
    command.add_argument(
        "--azimuth", metavar="DEG", type=float, default=90.0,
        help="in which its easting grows, clockwise from north (90)",
    )  # fmt: skip
    command.add_argument(
        "--on-bad", choices=("raise", "drop"), default="drop",
        help="leave out picks and events that cannot be located and say which (drop), or refuse",
    )  # fmt: skip
    command.add_argument("--nonlinloc", action="store_true", help="write .hyp and .scat files too")
    command.add_argument("--seed", metavar="N", type=int, help="random seed (0)")
    command.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[],
        help="any other setting, such as station_terms=estimate; may be repeated",
    )  # fmt: skip
    add_spreading(command, "events")


def run_locate(args: argparse.Namespace) -> int:
    """Read arrivals, stations and models, locate, write the results."""
    import seisnb.io
    from seisnb.conventions import FileFormatError, InputError
    from seisnb.dashboards.location_report import write_location_report
    from seisnb.io.atomic import prepare_folder
    from seisnb.location import LocationConfig, locate
    from seisnb.progress import show_progress
    from seisnb.projection import Projection
    from seisnb.settings import make_configs, parse_assignments

    settings: dict[str, object] = {
        f"location.{name}": value
        for name, value in (("likelihood", args.likelihood), ("seed", args.seed))
        if value is not None
    }
    settings["location.on_bad"] = args.on_bad
    settings.update(parse_assignments(args.set, where="--set"))
    config = make_configs({"location": LocationConfig}, settings, where="--set")["location"]
    out = prepare_folder(args.out, where="--out")
    stations = seisnb.io.read_stations(args.stations)
    options: dict[str, Any] = {"pick_std": args.pick_std, "on_bad": args.on_bad}
    try:
        arrivals = seisnb.io.read_arrivals(args.picks, args.format, **options)
    except FileFormatError as error:
        if args.pick_std is not None or "pick_std" not in str(error):
            raise
        arrivals = seisnb.io.read_arrivals(
            args.picks, args.format, **{**options, "pick_std": PICK_STD}
        )
        print("note: the picks have no sigmas; 0.1 s for P and 0.2 s for S (--pick-std)")
    origin = (0.0, 0.0)
    if args.origin is not None:
        x, y = Projection(stations.attrs["projection"]).forward(*args.origin)
        origin = (float(x), float(y))
    ensemble = seisnb.io.read_models(
        args.ensemble, vpvs=args.vpvs, vpvs_std=args.vpvs_std, origin=origin,
        azimuth=args.azimuth, seed=config.seed,
    )  # fmt: skip
    if "section" in ensemble.kinds and args.origin is None:
        raise InputError(
            "seisnb locate: a tomography ensemble is a line; say where its easting 0 lies "
            "(--origin LON,LAT) and in which direction it runs (--azimuth)."
        )
    print(
        f"{arrivals.sizes['pick']} picks, {stations.sizes['station']} stations, "
        f"{ensemble.n_members} velocity models"
    )
    checkpoint = out / "checkpoint"
    with args.interrupts.listening() as cancel:
        with spreading(args), show_progress() as progress:
            hypocentres = locate(
                arrivals, stations, ensemble, config,
                progress=progress, cancel=cancel, checkpoint=checkpoint,
            )  # fmt: skip
        seisnb.io.save_hypocentres(hypocentres, out / "hypocentres.nc")
        seisnb.io.write_quakeml(hypocentres, out / "catalogue.xml")
        if args.nonlinloc:
            seisnb.io.write_nonlinloc(hypocentres, out / "nonlinloc")
        write_location_report(hypocentres, out / "report.html")
    _print_result(hypocentres, out)
    if hypocentres.attrs["cancelled"]:
        print("Stopped before all events were located; run the same command again to go on.")
        return EXIT_CANCELLED
    shutil.rmtree(checkpoint, ignore_errors=True)  # the results are written
    return 0


def _print_result(hypocentres: xr.Dataset, out: Path) -> None:
    """What was found, what was left out, and where it lies."""
    from seisnb.dashboards.location_report import verdict

    for note in json.loads(hypocentres.attrs["notes"]):
        print(f"note: {note}")
    left_out = json.loads(hypocentres.attrs["left_out"])
    if left_out:
        print(
            f"{len(left_out)} events were not located; the first: {next(iter(left_out.values()))}"
        )
    print(verdict(hypocentres))
    for name in ("hypocentres.nc", "catalogue.xml", "report.html"):
        print(f"{name.partition('.')[0]}: {out / name}")


def _numbers(text: str, what: str) -> tuple[float, float]:
    """Two numbers and a comma."""
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from error
    return first, second


def _stds(text: str) -> dict[str, float]:
    """``0.1,0.2`` as sigmas of P and S."""
    p, s = _numbers(text, "two standard deviations in s, as in 0.1,0.2")
    return {"P": p, "S": s}


def _pair(text: str) -> tuple[float, float]:
    """``-125.1,45.2`` as longitude and latitude."""
    return _numbers(text, "a longitude and a latitude, as in -125.1,45.2")
