"""A notebook that makes again what a dashboard shows."""

from __future__ import annotations

import json
from pathlib import Path

from seisnb.io.atomic import replaced


def write_notebook(code: str, path: Path, *, title: str) -> Path:
    """Write Python as a notebook of one cell per paragraph; returns its path.

    Parameters
    ----------
    code : str
        Python; blank lines part the cells.
    path : Path
        The ``.ipynb`` file; it appears whole or not at all.
    title : str
        Its heading.
    """
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": [f"# {title}"]},
        *(
            {
                "cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [],
                "execution_count": None, "source": block.splitlines(keepends=True),
            }
            for i, block in enumerate(code.strip().split("\n\n"))
        ),
    ]  # fmt: skip
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    with replaced(path, where="write_notebook") as temporary:
        temporary.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return path
