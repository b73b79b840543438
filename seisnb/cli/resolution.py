"""``seisnb resolution``: its options, and the command once the line is parsed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_resolution(commands: Any) -> None:
    """Add the command to the parser's; nothing heavy is imported."""
    command = commands.add_parser(
        "resolution",
        help="hide a checkerboard or a spike in a result's model and see what the picks bring back",
        description="Inverts synthetic picks of the same geometry with the settings of ENSEMBLE, "
        "with the pattern and without. Writes DIR/resolution.nc and DIR/resolution.html.",
        epilog="example: seisnb resolution line7/ensemble.nc --out line7/checkerboard",
    )
    command.add_argument(
        "ensemble", metavar="ENSEMBLE", type=Path, help="ensemble.nc of seisnb tomography"
    )
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument(
        "--pattern",
        choices=("checkerboard", "spike"),
        default="checkerboard",
        help="what is hidden (checkerboard)",
    )
    command.add_argument(
        "--size",
        metavar="X,Z",
        type=_pair,
        help="km along the line and in depth (the prior's lengths)",
    )
    command.add_argument(
        "--at",
        metavar="X,Z",
        type=_pair,
        help="easting, and depth under the surface, of a spike in km (amid the rays)",
    )
    command.add_argument(
        "--amplitude", metavar="F", type=float, default=0.05, help="fraction of velocity (0.05)"
    )
    command.add_argument("--members", metavar="N", type=int, default=16, help="of each run (16)")
    command.add_argument("--seed", metavar="N", type=int, help="random seed (the result's)")
    command.add_argument("--no-noise", action="store_true", help="leave the picks' noise out")


def run_resolution(args: argparse.Namespace) -> int:
    """Run the test, print its sentence, write Dataset and page."""
    from seisnb.dashboards.figures import resolution_sections
    from seisnb.dashboards.page import Plate
    from seisnb.dashboards.study_report import write_study_report
    from seisnb.io import open_ensemble
    from seisnb.io.atomic import prepare_folder, replaced
    from seisnb.progress import show_progress
    from seisnb.tomography import resolution_test

    ensemble = open_ensemble(args.ensemble)
    out = prepare_folder(args.out, where="--out")
    with args.interrupts.listening() as cancel, show_progress() as progress:
        test = resolution_test(
            ensemble,
            pattern=args.pattern,
            size=args.size,
            amplitude=args.amplitude,
            at=args.at,
            noise=not args.no_noise,
            n_members=args.members,
            seed=args.seed,
            progress=progress,
            cancel=cancel,
        )
    with replaced(out / "resolution.nc", where="seisnb resolution") as temporary:
        test.to_netcdf(temporary, engine="netcdf4")
    plate = Plate(
        "Put in, and brought back",
        resolution_sections(test),
        "Top: the pattern put into the mean model. Middle: what the inversion of synthetic picks "
        "shows beyond the inversion without the pattern. Bottom: the share that came back around "
        "each cell, 1 for all of it. Grey: below the rays. What is lost here cannot be read from "
        "the real picks at this size; try several sizes.",
        f"Three sections: pattern, recovered pattern, recovered share. {test.attrs['verdict']}",
    )
    title = str(test.attrs.get("title") or "Untitled line")
    write_study_report(
        out / "resolution.html",
        [plate],
        title=f"{title}: resolution test",
        introduction=test.attrs["verdict"],
        tables={},
    )
    print(test.attrs["verdict"])
    print(f"test: {out / 'resolution.nc'}")
    print(f"figure: {out / 'resolution.html'}")
    return 0


def _pair(text: str) -> tuple[float, float]:
    """``10,4`` as two numbers."""
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not two numbers; expected km along the line and in depth, as in 10,4"
        ) from None
    return first, second
