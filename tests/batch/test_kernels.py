"""A kernel's sockets: its own, never a port that another process may have taken."""

import asyncio
import json
import tempfile
from pathlib import Path

import nbformat
import pytest
from making import WRITES, make_notebook, make_sweep

from seisnb.batch import read_sweep
from seisnb.batch.kernels import PromptClient, own_sockets
from seisnb.batch.notebooks import execute_notebook
from seisnb.batch.run import execute

TELLS = """\
from ipykernel import get_connection_file
found = Path(get_connection_file())
Path(out_dir, "connection.json").write_text(found.read_text())
Path(out_dir, "folder.txt").write_text(str(found.parent))
"""


def check_private(out: Path) -> None:
    told = json.loads((out / "connection.json").read_text())
    assert told["transport"] == "ipc"
    folder = Path((out / "folder.txt").read_text())
    assert Path(told["ip"]).parent == folder
    assert not folder.exists()  # gone with its kernel


@pytest.mark.slow
def test_a_run_of_a_batch_has_sockets_of_its_own(tmp_path):
    (run,) = read_sweep(make_sweep(tmp_path, TELLS, ks=(2,))).runs()
    assert execute(run, tmp_path).is_done
    check_private(tmp_path / run.name)


@pytest.mark.slow
def test_a_single_notebook_has_sockets_of_its_own(tmp_path):
    notebook = make_notebook(tmp_path / "one.ipynb", "from pathlib import Path", TELLS, WRITES)
    execute_notebook(notebook, tmp_path / "done.ipynb", {"out_dir": str(tmp_path), "k": 3})
    check_private(tmp_path)
    assert (tmp_path / "result.txt").read_text() == "9"
    assert nbformat.read(tmp_path / "done.ipynb", 4).cells[-1].outputs


def test_the_folder_is_nobody_else_s(tmp_path):
    with own_sockets() as config:
        folder = Path(config.KernelManager.connection_file).parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_a_folder_with_a_long_name_is_not_tried(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with own_sockets() as config:
        assert "transport" not in config.KernelManager
        assert "connection_file" not in config.KernelManager


@pytest.mark.parametrize(("is_alive", "said"), [(False, "died before"), (True, "in 0.05 seconds")])
def test_a_kernel_that_never_answers_is_not_waited_for(is_alive, said, monkeypatch):
    async def answers(_):
        await asyncio.sleep(0.02)
        return False

    async def alive(_):
        return is_alive

    monkeypatch.setattr(PromptClient, "_answers", answers)
    monkeypatch.setattr(PromptClient, "_async_is_alive", alive)
    with pytest.raises(RuntimeError, match=said):
        asyncio.run(asyncio.wait_for(PromptClient().wait_for_ready(timeout=0.05), 5.0))
