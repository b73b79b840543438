"""The command line: ``seisnb tomography``, ``locate``, ``slip``, ``batch`` and the others.

Nothing heavy is imported here, so that ``seisnb --help`` answers at once, and so that no thread
is running yet when :func:`seisnb.interrupts.held_interrupts` takes over Ctrl-C.
Exit codes: 0 done, 1 problems found by ``doctor`` or failed runs, 2 bad input, a result that could
not be written or another process that died, 130 cancelled. ``torchrun -m seisnb tomography`` and
``verify line`` share their work.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from seisnb import __version__
from seisnb.cli.batch import add_batch
from seisnb.cli.demo import add_demo
from seisnb.cli.doctor import add_doctor
from seisnb.cli.locate import add_locate
from seisnb.cli.reading import add_reading
from seisnb.cli.resolution import add_resolution
from seisnb.cli.servers import add_lab, add_voila
from seisnb.cli.slip import add_slip
from seisnb.cli.spreading import add_spreading
from seisnb.interrupts import EXIT_CANCELLED, held_interrupts

EXIT_BAD_INPUT = 2
#: Commands that several processes can share.
SHARED = ("tomography", "verify line")
#: Commands that leave Ctrl-C to the program or the kernel that they run.
_UNHELD = ("batch", "demo", "doctor", "lab", "voila")
#: Commands that hand on the options that they do not know.
_HANDING_ON = ("lab", "voila")

_EPILOG = """\
examples:
  seisnb doctor
  seisnb demo --out demo
  seisnb tomography line7.sgt --out line7 --pick-std 3%+0.0005

Every command tells more: seisnb tomography --help.

exit codes:
  0    done; doctor: no problems
  1    doctor found problems, or runs of a batch failed
  2    bad input, or a result that could not be written; one line says which
  130  cancelled; what was done is kept, and the same command goes on from there
"""


def run() -> int:
    """:func:`main` for a process that ends with it."""
    code = main()
    gc.freeze()  # a last search for garbage among a million objects takes most of a second
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 done, 1 problems found by ``doctor`` or failed runs, 2 bad input, 130 cancelled.
    """
    parser = _parser()
    args, further = parser.parse_known_args(arguments)
    if further and args.command not in _HANDING_ON:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    args.further = further
    if args.command in _UNHELD:
        return _run(args)
    if _rank():  # not None and not 0: the first one says that work stops
        with held_interrupts(notify=lambda _: None) as args.interrupts:
            return _run(args)
    with held_interrupts() as args.interrupts:
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    """Run the parsed command; every error that seisnb raises on purpose becomes one line."""
    from seisnb.conventions import Cancelled, InputError, SeisnbError

    try:
        name = " ".join([args.command, *([args.study] if args.command == "verify" else [])])
        if _rank() is not None and name not in SHARED:
            raise InputError(
                f"seisnb {name}: runs in one process; torchrun can start {' and '.join(SHARED)}. "
                "Start it without torchrun."
            )
        if args.command == "demo":
            from seisnb.cli.demo import run_demo

            return run_demo(args)
        if args.command == "batch":
            from seisnb.cli.batch import run_batch_command

            return run_batch_command(args)
        if args.command == "doctor":
            from seisnb.cli.doctor import run_doctor

            return run_doctor(args)
        if args.command in ("lab", "voila"):
            from seisnb.cli.servers import run_lab, run_voila

            return (run_lab if args.command == "lab" else run_voila)(args)
        if args.command == "verify":
            from seisnb.cli.verify import STUDIES

            return STUDIES[args.study](args)
        if args.command == "locate":
            from seisnb.cli.locate import run_locate

            return run_locate(args)
        if args.command == "slip":
            from seisnb.cli.slip import run_slip

            return run_slip(args)
        if args.command == "resolution":
            from seisnb.cli.resolution import run_resolution

            return run_resolution(args)
        from seisnb.cli.commands import run_tomography

        return run_tomography(args)
    except Cancelled as error:
        return _fail(error, EXIT_CANCELLED)
    except SeisnbError as error:
        return _fail(error, EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("stopped", EXIT_CANCELLED)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _ListSettings(argparse.Action):
    """Print every setting and exit, whatever else the command line says."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from seisnb.cli.commands import CONFIGS
        from seisnb.settings import describe_settings

        print(describe_settings(CONFIGS))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = _Parser(
        prog="seisnb",
        description="Seismic velocity models, hypocentres and slip with an uncertainty.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seisnb {__version__}")
    commands = parser.add_subparsers(
        dest="command", title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    _add_tomography(commands)
    add_locate(commands)
    add_slip(commands)
    add_resolution(commands)
    add_batch(commands)
    _add_verify(commands)
    add_demo(commands)
    add_lab(commands)
    add_voila(commands)
    add_doctor(commands)
    return parser


def _add_tomography(commands: Any) -> None:
    """``seisnb tomography``."""
    command = commands.add_parser(
        "tomography",
        help="first-arrival picks of one line in, an ensemble of velocity models out",
        description="Writes DIR/ensemble.nc and DIR/report.html. Run it again to resume a run\n"
        "that was stopped. Ctrl-C keeps the members that are done.",
        epilog="examples:\n  seisnb tomography line7.sgt --out line7 --pick-std 3%+0.0005\n"
        "  seisnb tomography tx.in --out line8 --phases 1,5 --surface seafloor.txt "
        "--water-velocity 1.5\n"
        "  seisnb tomography vsp.txt --out vsp --pick-std 1% --buried receiver",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("picks", metavar="PICKS", type=Path, help="file of picks")
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    add_reading(command)
    command.add_argument("--members", metavar="N", type=int, help="number of models (64)")
    command.add_argument("--seed", metavar="N", type=int, help="random seed (0)")
    command.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any other setting, such as prior.amplitude=0.3; may be repeated",
    )
    command.add_argument(
        "--zarr",
        action="store_true",
        help="write DIR/ensemble.zarr, some models at a time, instead of DIR/ensemble.nc: for "
        "ensembles too large for memory",
    )
    add_spreading(command, "members")
    command.add_argument("--list-settings", action=_ListSettings, help="list what --set can set")


def _add_verify(commands: Any) -> None:
    """``seisnb verify coverage``, ``seisnb verify line`` and ``seisnb verify gold``."""
    command = commands.add_parser(
        "verify",
        help="rerun the studies of what intervals are worth",
        epilog="example: seisnb verify coverage --case small --truths 20 --members 39 --out study",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    studies = command.add_subparsers(
        dest="study", title="studies", metavar="STUDY", required=True, parser_class=_Parser
    )
    study = studies.add_parser(
        "coverage",
        help="invert known truths and count how often intervals hold them",
        description="Writes DIR/study.nc, DIR/summary.nc and DIR/tables.txt. Run it again to "
        "resume a study that was stopped; further methods in the same DIR join the tables.",
        epilog="example: seisnb verify coverage --case small --truths 20 --members 39 --out study",
    )
    study.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    study.add_argument(
        "--methods",
        metavar="A,B",
        default="grid",
        help="names such as grid,network,map,svgd (grid); an unknown one lists all",
    )
    study.add_argument(
        "--case", default="line", help="truths: line (60 km, 840 picks) or small (30 km, 214)"
    )
    study.add_argument("--truths", metavar="N", type=int, default=40, help="how many (40)")
    study.add_argument("--members", metavar="N", type=int, default=79, help="models per truth (79)")
    study.add_argument("--first-seed", metavar="N", type=int, default=0, help="first truth's (0)")
    study.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (1)")
    line = studies.add_parser(
        "line",
        help="run engines on a line whose posterior is known exactly",
        description="Prints distances to the exact posterior beside the floor of independent exact "
        "draws, and the spread over the exact one by part of the line. vsvgd and gfsf, the "
        "published method, take minutes, and hours with --published.",
        epilog="example: seisnb verify line --engines rml,svgd --length 0.15",
    )
    line.add_argument(
        "--engines", metavar="A,B", default="rml,svgd", help="of rml, svgd, vsvgd, gfsf (rml,svgd)"
    )
    line.add_argument(
        "--length", metavar="KM", type=float, default=0.15, help="correlation length (0.15)"
    )
    line.add_argument("--particles", metavar="N", type=int, default=128, help="how many (128)")
    line.add_argument(
        "--iterations", metavar="N", type=int, help="of vsvgd and gfsf (250; published 1500)"
    )
    line.add_argument(
        "--network", metavar="LxW", default="2x30", help="layers x width of velocity nets (2x30)"
    )
    line.add_argument(
        "--published", action="store_true", help="vsvgd by L-BFGS and CGNR, as published: hours"
    )
    line.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (0)")
    gold = studies.add_parser(
        "gold",
        help="hold the default engine to exact chains by an independent solver",
        description="Writes DIR/gold.nc and DIR/gold.txt: mean and std of every cell against long "
        "Markov chains on a small line, without and with Langevin steps per member. About five "
        "minutes. Needs the package arviz-stats.",
        epilog="example: seisnb verify gold --out gold",
    )
    gold.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    gold.add_argument("--members", metavar="N", type=int, default=1500, help="per ensemble (1500)")
    gold.add_argument("--steps", metavar="N", type=int, default=30, help="Langevin steps (30)")
    gold.add_argument(
        "--amplitude", metavar="A", type=float, default=0.15,
        help="prior std of log velocity: how strongly times bend (0.15)",
    )  # fmt: skip
    gold.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (0)")


def _fail(message: object, code: int) -> int:
    """One line on standard error."""
    who = "seisnb" if _rank() is None else f"seisnb, rank {_rank()}"
    print(f"{who}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    return code


def _rank() -> int | None:
    """Number of this process among several that torchrun started; read without PyTorch."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return None
    return int(os.environ["RANK"]) if "MASTER_ADDR" in os.environ else None
