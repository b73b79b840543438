"""Notebooks of seisnb: where they lie, and running one at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seisnb.batch.kernels import own_sockets
from seisnb.conventions import InputError, SeisnbError


def find_notebook(name: str) -> Path:
    """Where a notebook of seisnb lies: in the source tree, else where it was installed.

    Raises
    ------
    InputError
        Neither place has it.
    """
    places = [Path(__file__).resolve().parents[2] / "notebooks"]
    places.append(Path(sys.prefix) / "share" / "seisnb" / "notebooks")
    for place in places:
        notebook = place / f"{name}.ipynb"
        if notebook.is_file():
            return notebook
    raise InputError(
        f"find_notebook: no {name}.ipynb in {' or '.join(map(str, places))}. Give the path of a "
        "notebook, or reinstall seisnb."
    )


def execute_notebook(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Run a notebook by papermill, its printed lines passed on as they come.

    Raises
    ------
    SeisnbError
        A cell failed; the message is the cell's own error.
    """
    import papermill  # slow to load, and finding a notebook needs none of it

    try:
        with own_sockets() as config:
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
                config=config,
            )
    except papermill.PapermillExecutionError as error:
        raise SeisnbError(
            f"{source.name}: {error.ename}: {error.evalue} The notebook up to there: {target}."
        ) from error
