"""``seisnb slip``."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from seisnb.slip import SlipConfig

#: Settings that options of their own set, by option.
_OPTIONS = {
    "azimuth": "azimuth", "rake_mode": "rake_mode", "frame": "frame", "particles": "n_particles",
    "seed": "seed", "workers": "n_workers", "depth_min": "depth_min", "depth_max": "depth_max",
    "reach": "reach",
}  # fmt: skip
#: Both results of ``--smoothing both``: file and prior, the one that is reported first.
BOTH: Mapping[str, str] = {"slip.nc": "none", "slip_smooth.nc": "gaussian_process"}


def add_slip(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "slip",
        help="displacements of GNSS sites and meshes of a fault in, slip over all of them out",
        description="Writes DIR/slip.nc and DIR/report.html; with --smoothing both also "
        "DIR/slip_smooth.nc. Ctrl-C stops; the same command goes on from there.",
        epilog="examples:\n"
        "  seisnb slip offsets.csv --mesh interface.msh --out slip --members 32 --dip-std 2 "
        "--depth-std 2\n"
        "  seisnb slip offsets.csv --mesh a.msh b.msh c.msh --out slip --azimuth 236 "
        "--smoothing both",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "offsets", metavar="OFFSETS", type=Path,
        help="table of sites: site, lon, lat, east, north, up and their standard deviations",
    )  # fmt: skip
    command.add_argument(
        "--mesh", metavar="FILE", type=Path, nargs="+", required=True, action="extend",
        help="gmsh (.msh) or longitude, latitude, depth; several with equal numbers of triangles "
        "are equally probable, and the first is the one that is compared",
    )  # fmt: skip
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument("--title", help="of the report; the file's name by default")
    command.add_argument("--seed", metavar="N", type=int, help="random seed (0)")
    command.add_argument("--workers", metavar="N", type=int, help="threads (all cores)")
    command.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[],
        help="any other setting, such as smoothing_length=40; may be repeated",
    )  # fmt: skip
    _add_reading(command)
    _add_slip_options(command)
    _add_structures(command)


def _add_reading(command: Any) -> None:
    """Options of files."""
    group = command.add_argument_group("files")
    group.add_argument(
        "--unit", choices=("mm", "m"), default="mm",
        help="of columns whose names do not say theirs (mm)",
    )  # fmt: skip
    group.add_argument(
        "--quantity", choices=("offset", "velocity"),
        help="told from the columns' names by default",
    )  # fmt: skip
    group.add_argument(
        "--region", metavar=("W", "E", "S", "N"), type=float, nargs=4,
        help="degrees: sites outside are left out",
    )  # fmt: skip
    group.add_argument(
        "--mesh-coordinates", choices=("degrees", "km", "m"),
        help="of the meshes' horizontal axes; told from their range by default",
    )  # fmt: skip


def _add_slip_options(command: Any) -> None:
    """Options of slip and its prior."""
    group = command.add_argument_group("slip")
    direction = group.add_mutually_exclusive_group()
    direction.add_argument(
        "--rake", metavar="DEG", type=float,
        help="of slip: 0 left-lateral, 90 thrust (90)",
    )  # fmt: skip
    direction.add_argument(
        "--azimuth", metavar="DEG", type=float,
        help="instead: in which the hanging wall moves, clockwise from north",
    )  # fmt: skip
    group.add_argument(
        "--rake-mode", choices=("fixed", "range", "free"),
        help="slip along one rake, between two, or in any direction (fixed)",
    )  # fmt: skip
    group.add_argument(
        "--free-sign", action="store_true",
        help="slip may go backward too; the posterior is then exact and quick",
    )  # fmt: skip
    group.add_argument(
        "--smoothing", choices=("none", "gaussian_process", "laplacian", "both"),
        help="prior of slip (none); both: none and gaussian_process side by side in the report",
    )  # fmt: skip
    group.add_argument(
        "--frame", choices=("none", "translation", "rotation"),
        help="motion of the whole network that is no slip (none)",
    )  # fmt: skip
    for name, what in (
        ("--depth-min", "whose centre is shallower"), ("--depth-max", "whose centre is deeper"),
        ("--reach", "farther from every site"),
    ):  # fmt: skip
        group.add_argument(name, metavar="KM", type=float, help=f"patches {what} do not slip")
    group.add_argument("--no-vertical", action="store_true", help="leave vertical components out")
    group.add_argument(
        "--particles", metavar="N", type=int, help="of the sampler of positive slip (400)"
    )


def _add_structures(command: Any) -> None:
    """Options of structures."""
    group = command.add_argument_group(
        "structures", "Without members, each mesh is one structure in one half-space."
    )
    group.add_argument(
        "--members", metavar="N", type=int, default=1,
        help="structures around each mesh, itself among them (1)",
    )  # fmt: skip
    for name, unit, what in (
        ("dip", "DEG", "their dip"), ("depth", "KM", "their shift in depth"),
        ("relief", "KM", "smooth relief on them"), ("poisson", "X", "their Poisson's ratio"),
    ):  # fmt: skip
        group.add_argument(
            f"--{name}-std", metavar=unit, type=float, default=0.0,
            help=f"standard deviation of {what} (0)",
        )  # fmt: skip
    group.add_argument(
        "--shear-modulus", metavar="GPA", type=float, default=30.0,
        help="that turns slip into moment (30)",
    )  # fmt: skip
    group.add_argument(
        "--poisson", metavar="X", type=float, default=0.25, help="Poisson's ratio (0.25)"
    )


def run_slip(args: argparse.Namespace) -> int:
    """Read displacements and meshes, invert, write the results."""
    import seisnb.io
    from seisnb.dashboards.slip_report import smoothing_name, write_slip_report
    from seisnb.io.atomic import prepare_folder
    from seisnb.progress import show_progress
    from seisnb.slip import invert_slip
    from seisnb.slip.cache import KernelCache
    from seisnb.slip.meshes import Spread, read_structures

    configs = _configs(args)
    offsets = seisnb.io.read_offsets(
        args.offsets, unit=args.unit, quantity=args.quantity,
        region=None if args.region is None else tuple(args.region),
    )  # fmt: skip
    structures = read_structures(
        args.mesh, offsets, coordinates=args.mesh_coordinates,
        shear_modulus=args.shear_modulus, poisson=args.poisson, n_members=args.members,
        spread=Spread(
            dip_std=args.dip_std, depth_std=args.depth_std, relief_std=args.relief_std,
            poisson_std=args.poisson_std,
        ),
        seed=next(iter(configs.values())).seed,
    )  # fmt: skip
    out = prepare_folder(args.out, where="--out")
    print(
        f"{offsets.sizes['site']} sites, {structures.n_patches} patches, "
        f"{len(structures.structures)} structures"
    )
    results: dict[str, xr.Dataset] = {}
    checkpoint = out / "checkpoint"
    with args.interrupts.listening() as cancel:
        for name, config in configs.items():
            with show_progress() as progress:
                found = invert_slip(
                    offsets, structures, config, cache=KernelCache(checkpoint / "kernels"),
                    checkpoint=checkpoint / name.removesuffix(".nc"), progress=progress,
                    cancel=cancel,
                )  # fmt: skip
            found.attrs["title"] = args.title or f"Slip from {args.offsets.name}"
            found.attrs["source"] = args.offsets.name
            results[name] = found
        for name, found in results.items():
            seisnb.io.save_slip(found, out / name)
        first, *others = results.values()
        write_slip_report(
            first, out / "report.html", beside=[(smoothing_name(each), each) for each in others]
        )
    shutil.rmtree(checkpoint, ignore_errors=True)  # the results are written
    _print_result(results, out)
    return 0


def _configs(args: argparse.Namespace) -> dict[str, SlipConfig]:
    """What to invert with, by the file that the result goes to."""
    from seisnb.conventions import InputError
    from seisnb.settings import make_configs, parse_assignments
    from seisnb.slip import SlipConfig

    settings: dict[str, object] = {
        f"slip.{setting}": value
        for name, setting in _OPTIONS.items()
        if (value := getattr(args, name)) is not None
    }
    if args.rake is not None:
        settings["slip.rake"] = args.rake
    if args.azimuth is not None:
        settings["slip.rake"] = None
    # slip in any direction has no forward one
    if args.free_sign or args.rake_mode == "free":
        settings["slip.positive"] = False
    if args.no_vertical:
        settings["slip.use_vertical"] = False
    settings.update(parse_assignments(args.set, where="--set"))
    if args.smoothing is not None and {"smoothing", "slip.smoothing"} & set(settings):
        raise InputError("seisnb slip: --smoothing and --set smoothing; give one of them.")
    is_both = args.smoothing == "both"
    priors: Mapping[str, str | None] = BOTH if is_both else {"slip.nc": args.smoothing}
    return {
        name: make_configs(
            {"slip": SlipConfig},
            settings if smoothing is None else {**settings, "slip.smoothing": smoothing},
            where="--set",
        )["slip"]
        for name, smoothing in priors.items()
    }


def _print_result(results: dict[str, xr.Dataset], out: Path) -> None:
    """What was found, and where it lies."""
    from seisnb.dashboards.slip_report import smoothing_name, summary

    for note in json.loads(next(iter(results.values())).attrs["notes"]):
        print(f"note: {note}")
    for found in results.values():
        head = f"{smoothing_name(found)}: " if len(results) > 1 else ""
        print(f"{head}{summary(found)}")
    for name in (*results, "report.html"):
        print(f"{name.partition('.')[0]}: {out / name}")
