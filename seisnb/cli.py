"""The command line: ``seisnb tomography`` and ``seisnb demo``.

Everything heavy is imported inside the commands, so that ``seisnb --help`` answers at once.
Exit codes: 0 done, 2 bad input or a result that could not be written, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from seisnb import __version__
from seisnb.conventions import Cancelled, InputError, OutputError, SeisnbError

if TYPE_CHECKING:
    import xarray as xr

EXIT_BAD_INPUT = 2
EXIT_CANCELLED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 done, 2 bad input, 130 cancelled.
    """
    args = _parser().parse_args(arguments)
    try:
        return int(args.run(args))
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
        from seisnb.settings import describe_settings

        print(describe_settings(_config_groups()))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = _Parser(prog="seisnb", description="Seismic velocity models with an uncertainty.")
    parser.add_argument("--version", action="version", version=f"seisnb {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    _add_tomography(commands)
    _add_demo(commands)
    return parser


def _add_tomography(commands: Any) -> None:
    """``seisnb tomography``."""
    command = commands.add_parser(
        "tomography",
        help="first-arrival picks of one line in, an ensemble of velocity models out",
        description="Writes DIR/ensemble.nc and DIR/report.html. Run it again to resume a run "
        "that was stopped. Ctrl-C keeps the members that are done.",
    )
    command.set_defaults(run=run_tomography)
    command.add_argument("picks", metavar="PICKS", type=Path, help="file of picks")
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument("--format", choices=("sgt", "txin", "tomo2d", "csv"), help="of PICKS")
    command.add_argument(
        "--phases", metavar="1,5", type=_phases, help="phase codes that are first arrivals"
    )
    command.add_argument(
        "--pick-std",
        metavar="STD",
        help="standard deviation of the picks where PICKS has none: 0.0003 (s), or 3%%+0.0005 "
        "(of the time, plus s)",
    )
    command.add_argument(
        "--surface", metavar="FILE", type=Path, help="topography or sea floor: easting, depth"
    )
    command.add_argument(
        "--water-velocity", metavar="KM/S", type=float, help="for lines at sea, such as 1.5"
    )
    command.add_argument(
        "--instrument",
        choices=("shot", "receiver"),
        default="shot",
        help="end of a pick that stands on the sea floor, where PICKS has no depths (shot)",
    )
    command.add_argument(
        "--on-bad",
        choices=("raise", "drop"),
        default="raise",
        help="refuse a file with a bad pick (raise), or drop such picks and say which",
    )
    command.add_argument("--members", metavar="N", type=int, help="number of models (64)")
    command.add_argument("--seed", metavar="N", type=int, help="random seed (0)")
    command.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any other setting, such as prior.amplitude=0.3; may be repeated",
    )
    command.add_argument("--list-settings", action=_ListSettings, help="list what --set can set")


def _add_demo(commands: Any) -> None:
    """``seisnb demo``."""
    command = commands.add_parser(
        "demo",
        help="run the notebook on a synthetic marine line",
        description="Executes notebooks/tomography.ipynb on a synthetic marine line and writes "
        "the executed notebook, ensemble.nc and report.html to DIR.",
    )
    command.set_defaults(run=run_demo)
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument("--members", metavar="N", type=int, default=64, help="number of models")
    command.add_argument("--seed", metavar="N", type=int, default=0, help="random seed")
    command.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="as for tomography"
    )


def run_tomography(args: argparse.Namespace) -> int:
    """Read the picks, invert, write the ensemble and the report."""
    if not args.picks.is_file():
        raise InputError(f"seisnb tomography: there is no file {args.picks}.")
    out = prepare_folder(args.out)
    configs = _configs(args)

    from seisnb.io import read_picks, save_ensemble

    survey = read_picks(
        args.picks,
        args.format,
        pick_std=args.pick_std,
        phases=args.phases,
        water_velocity=args.water_velocity,
        surface=args.surface,
        instrument=args.instrument,
        on_bad=args.on_bad,
    )
    _print_survey(survey)

    from seisnb.progress import cancel_on_interrupt, show_progress
    from seisnb.tomography import invert

    checkpoint = out / "checkpoint"
    with show_progress() as progress, cancel_on_interrupt() as cancel:
        ensemble = invert(
            survey,
            configs["prior"],
            configs["tomography"],
            progress=progress,
            cancel=cancel,
            checkpoint=checkpoint,
        )

    from seisnb.dashboards.report import write_report

    save_ensemble(ensemble, out / "ensemble.nc")
    write_report(ensemble, out / "report.html")
    _print_result(ensemble, out)
    if ensemble.attrs.get("cancelled"):
        print("Stopped before all members were done; run the same command again to go on.")
        return EXIT_CANCELLED
    shutil.rmtree(checkpoint, ignore_errors=True)  # the results are written
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """Execute the tomography notebook on its synthetic marine line."""
    from seisnb.settings import parse_assignments

    out = prepare_folder(args.out).resolve()
    _configs(args)
    parameters = {
        "picks": "",
        "n_members": args.members,
        "seed": args.seed,
        "out_dir": str(out),
        "settings": parse_assignments(args.set, where="--set"),
        "progress": "lines",
    }
    started = time.time()
    execute_notebook(find_notebook("tomography"), out / "tomography.ipynb", parameters)
    report = out / "report.html"
    if not report.is_file() or report.stat().st_mtime < started - 1.0:
        raise Cancelled(f"seisnb demo: stopped before the report was written to {out}.")
    print(f"notebook: {out / 'tomography.ipynb'}")
    print(f"ensemble: {out / 'ensemble.nc'}")
    print(f"report: {report}")
    return 0


def find_notebook(name: str) -> Path:
    """Where a notebook of seisnb lies: in the source tree, else where it was installed.

    Raises
    ------
    InputError
        Neither place has it.
    """
    places = [Path(__file__).resolve().parents[1] / "notebooks"]
    places.append(Path(sys.prefix) / "share" / "seisnb" / "notebooks")
    for place in places:
        notebook = place / f"{name}.ipynb"
        if notebook.is_file():
            return notebook
    raise InputError(
        f"find_notebook: no {name}.ipynb in {' or '.join(map(str, places))}. Reinstall seisnb."
    )


def execute_notebook(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Run a notebook by papermill, its printed lines passed on as they come.

    Raises
    ------
    SeisnbError
        A cell failed; the message is the cell's own error.
    """
    import papermill

    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            stdout_file=sys.stdout,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            cwd=str(target.parent),
        )
    except papermill.PapermillExecutionError as error:
        raise SeisnbError(
            f"{source.name}: {error.ename}: {error.evalue} The notebook up to there: {target}."
        ) from error


def prepare_folder(folder: Path) -> Path:
    """The results folder, made if need be and proven writable before any long work.

    Raises
    ------
    OutputError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"seisnb")
    except OSError as error:
        raise OutputError(
            f"--out {folder}: cannot write there ({error.strerror or error}). "
            "Choose a folder that you can write to."
        ) from error
    return folder


def _config_groups() -> dict[str, type]:
    """The configurations that ``--set`` reaches."""
    from seisnb.prior import PriorConfig
    from seisnb.tomography import TomographyConfig

    return {"tomography": TomographyConfig, "prior": PriorConfig}


def _configs(args: argparse.Namespace) -> dict[str, Any]:
    """Configurations from ``--members``, ``--seed`` and ``--set``."""
    from seisnb.settings import make_configs, parse_assignments

    settings: dict[str, object] = {}
    for flag, name in (("members", "n_members"), ("seed", "seed")):
        if getattr(args, flag) is not None:
            settings[f"tomography.{name}"] = getattr(args, flag)
    settings.update(parse_assignments(args.set, where="--set"))
    return make_configs(_config_groups(), settings, where="--set")


def _phases(text: str) -> tuple[int | str, ...]:
    """``1,5`` or ``P,Pg`` as phase codes."""
    codes = [code.strip() for code in text.split(",")]
    if not all(codes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of phase codes; expected codes and commas, as in 1,5"
        )
    return tuple(int(code) if code.lstrip("+-").isdigit() else code for code in codes)


def _print_survey(survey: xr.Dataset) -> None:
    """What was read, and every note of the reader."""
    n_used = int(survey["used"].sum())
    print(f"{n_used} picks of {survey.attrs.get('title') or survey.attrs.get('source')}")
    for note in json.loads(survey.attrs.get("notes", "[]")):
        print(f"note: {note}")


def _print_result(ensemble: xr.Dataset, out: Path) -> None:
    """How well the ensemble fits, what to think of it, and where it lies."""
    chi2 = float(ensemble["chi2_referee"].mean())
    rms = float(ensemble["rms_referee_mean"])
    print(
        f"{ensemble.sizes['particle']} members, chi2/n {chi2:.2f} by the referee, "
        f"rms of the mean {1000 * rms:.2f} ms, {ensemble.attrs['elapsed_seconds']:.0f} s"
    )
    print(ensemble.attrs["verdict"])
    print(f"ensemble: {out / 'ensemble.nc'}")
    print(f"report: {out / 'report.html'}")


def _fail(message: object, code: int) -> int:
    """One line on standard error."""
    print("seisnb: " + " ".join(str(message).split()), file=sys.stderr)
    return code
