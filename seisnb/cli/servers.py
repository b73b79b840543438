"""``seisnb lab`` and ``seisnb voila``: a notebook of seisnb, or one's own, in a browser."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

#: Dashboards that Voila serves, by the word for them.
DASHBOARDS = {
    "tomography": "dashboard", "location": "location_dashboard", "slip": "slip_dashboard",
}  # fmt: skip
#: Where notebooks are copied to that lie in a folder without write permission.
COPIES = "seisnb-notebooks"


def add_lab(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "lab",
        help="open JupyterLab on a notebook of seisnb or of your own",
        description="NOTEBOOK is a file, or the name of a notebook of seisnb: welcome (also where "
        "none\nis named), dashboard, location_dashboard, slip_dashboard, tomography, location,\n"
        "slip, survey_to_source, verification. Installed where you cannot write, they are copied\n"
        f"to {COPIES} first.\n"
        "Further options go to JupyterLab, written with an equals sign.",
        epilog="examples:\n  seisnb lab\n  seisnb lab tomography --no-browser --port=9000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "notebook", metavar="NOTEBOOK", nargs="?", default="welcome", help="file or name (welcome)"
    )


def add_voila(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "voila",
        help="serve a dashboard as a page without code",
        description="Further options go to Voila, written with an equals sign.",
        epilog="example: seisnb voila location --no-browser --port=9000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "dashboard", metavar="DASHBOARD", nargs="?", choices=tuple(DASHBOARDS),
        default="tomography", help="tomography (also where none is named), location or slip",
    )  # fmt: skip


def run_lab(args: argparse.Namespace) -> int:
    """Run JupyterLab in this process until it is stopped."""
    from jupyterlab.labapp import LabApp

    notebook = writable_notebook(args.notebook)
    here = Path.cwd().resolve()
    root = here if notebook.is_relative_to(here) else notebook.parent
    options = [f"--ServerApp.root_dir={root}", *_as_root("--allow-root"), *args.further]
    LabApp.launch_instance(argv=[str(notebook), *options])
    return 0


def run_voila(args: argparse.Namespace) -> int:
    """Run Voila in this process until it is stopped."""
    from voila.app import Voila

    from seisnb.batch.notebooks import find_notebook

    notebook = find_notebook(DASHBOARDS[args.dashboard])
    Voila.launch_instance(argv=[str(notebook), *args.further])
    return 0


def writable_notebook(name: str) -> Path:
    """A notebook by file or by name, where it can be saved.

    Parameters
    ----------
    name : str
        A file, or the name of a notebook of seisnb.

    Returns
    -------
    Path
        Absolute. A notebook of seisnb in a folder without write permission is copied, with those
        beside it, to :data:`COPIES` in the current folder; what is there already is kept.

    Raises
    ------
    InputError
        There is neither such a file nor such a name.
    OutputError
        The copies cannot be written.
    """
    from seisnb.batch.notebooks import find_notebook
    from seisnb.conventions import InputError, OutputError

    path = Path(name)
    if path.suffix == ".ipynb" or path.is_file():
        if not path.is_file():
            raise InputError(f"seisnb lab: there is no file {name}.")
        return path.resolve()
    try:
        notebook = find_notebook(name)
    except InputError as error:
        known = ", ".join(sorted(p.stem for p in find_notebook("welcome").parent.glob("*.ipynb")))
        raise InputError(
            f"seisnb lab: {name!r} is neither a file nor one of {known}. Options of JupyterLab "
            "are written with an equals sign, as in --port=9000."
        ) from error
    if os.access(notebook.parent, os.W_OK) and os.access(notebook, os.W_OK):
        return notebook
    copies = Path(COPIES).resolve()
    try:
        for source in sorted(notebook.parent.rglob("*")):
            target = copies / source.relative_to(notebook.parent)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    except OSError as error:
        raise OutputError(
            f"seisnb lab: the notebooks cannot be copied to {copies} ({error.strerror or error}). "
            "Change to a folder that you can write to."
        ) from error
    print(f"notebooks: {copies}")
    return copies / notebook.name


def _as_root(option: str) -> list[str]:
    """The option without which the server refuses to run as root, where one is root."""
    getuid = getattr(os, "getuid", None)
    return [option] if getuid is not None and getuid() == 0 else []
