"""papermill's engine with limits: time, memory and what a cell may print.

Time and memory are watched from outside the kernel, which is killed with its children where it
takes more; papermill itself limits single cells only, and leaves a killed kernel's notebook looking
like a success.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from traitlets.config import Config

from seisnb.batch.kernels import own_sockets

#: What a notebook may print [bytes]; the rest is left out and said so.
MOST_PRINTED = 1_000_000
#: A line that the kernel begins with: it ends in order. By itself it stops the thread that prints
#: before the one that still has the shutdown to report, and one kernel in eight hung until it was
#: killed, 2.5 s later. The notebook's own exit handlers run before it.
_ENDS_IN_ORDER = (
    "__import__('atexit').register(get_ipython().kernel.control_thread.join, timeout=1.0)"
)
#: How often time and memory are looked at [s].
_LOOK = 0.2


@dataclass(kw_only=True)
class Watch:
    """Limits of one run, and what became of it.

    Attributes
    ----------
    seconds, n_bytes : float or None
        Limits of time and of resident memory.
    folder : Path
        The kernel's working folder.
    on_kernel : callable
        Told the kernel's process number.
    notebook : NotebookNode or None
        The notebook as far as it ran.
    killed_for : str
        Why the kernel was killed; empty when it was not.
    most_bytes : int
        The most resident memory seen.
    """

    seconds: float | None
    n_bytes: float | None
    folder: Path
    on_kernel: Callable[[int], None]
    notebook: nbformat.NotebookNode | None = None
    killed_for: str = ""
    most_bytes: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def look(self, pid: int) -> None:
        """Watch a kernel until it is over, or kill it."""
        started = time.monotonic()
        while not self.is_over.wait(_LOOK):
            used = resident(pid)
            self.most_bytes = max(self.most_bytes, used)
            gone = time.monotonic() - started
            if self.seconds is not None and gone > self.seconds:
                self.killed_for = f"it took more than {self.seconds / 60:g} min"
            elif self.n_bytes is not None and used > self.n_bytes:
                self.killed_for = (
                    f"it used {used / 1e9:.2f} GB of memory, more than {self.n_bytes / 1e9:g} GB"
                )
            if self.killed_for:
                kill_tree(pid)
                return


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it, those that are there."""
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except psutil.Error:
        return []


def resident(pid: int) -> int:
    """Resident memory of a process and all below it [bytes]."""
    total = 0
    for process in family(pid):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def kill_tree(pid: int) -> None:
    """Kill a process and all below it, and wait for their end."""
    found = family(pid)
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=5)


class _Client(PapermillNotebookClient):
    """Executes a notebook whose printing is cut."""

    _printed = 0

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel, or leave it out."""
        if msg.get("msg_type") == "stream":
            text = msg["content"]["text"]
            room = MOST_PRINTED - self._printed
            self._printed += len(text)
            if room <= 0:
                return None
            if len(text) > room:
                note = f"\n[cut: a notebook may print {MOST_PRINTED / 1e6:g} MB]\n"
                msg["content"]["text"] = text[:room] + note
        return super().process_message(msg, cell, cell_index)


class WatchedEngine(NBClientEngine):
    """Runs a notebook under a :class:`Watch`, handed on as ``watch``."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, watch: Watch, start_timeout: float = 60, **_: Any
    ) -> Any:
        """Execute all cells in a kernel of their own."""
        watch.notebook = nb_man.nb
        with own_sockets() as config:
            return cls._watched(nb_man, kernel_name, watch, start_timeout, config)

    @classmethod
    def _watched(
        cls, nb_man: Any, kernel_name: str, watch: Watch, start_timeout: float, config: Config
    ) -> Any:
        """Execute all cells while the kernel is looked at."""
        client = _Client(
            nb_man,
            config=config,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            timeout=None,
            resources={"metadata": {"path": str(watch.folder)}},
            extra_arguments=[
                "--IPKernelApp.log_level=ERROR",
                f"--IPKernelApp.exec_lines={_ENDS_IN_ORDER}",
            ],
        )

        def watching() -> None:
            while not watch.is_over.wait(0.02):
                pid = getattr(getattr(client.km, "provisioner", None), "pid", None)
                if pid is not None:
                    watch.on_kernel(pid)
                    watch.look(pid)
                    return

        watcher = threading.Thread(target=watching, name="seisnb-watch", daemon=True)
        watcher.start()
        try:
            return client.execute()
        finally:
            watch.is_over.set()
            watcher.join()
