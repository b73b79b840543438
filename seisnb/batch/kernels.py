"""Kernels that no other process can be taken for: spoken to through files of their own.

A kernel's usual TCP ports are found free, let go, and bound by the kernel a second later. Where
several processes start kernels at once, another one's kernel may have bound the same port by then:
one kernel dies, and its client, refused by a stranger, waits to send for ever (one run in about 100
with four workers on two cores). Sockets in a folder that only this user may enter cannot be mixed
up, and other users of the machine cannot reach them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty

from jupyter_client.asynchronous.client import AsyncKernelClient
from traitlets.config import Config

#: A name of a socket may be 107 bytes long; what is added to its folder's name.
_LONGEST = 107
_ADDED = "/kernel-ipc-5"


class PromptClient(AsyncKernelClient):
    """Takes a kernel for ready once it has answered and been heard on the channel of outputs.

    The usual client then waits for a fifth of a second of silence, to throw away what it may have
    missed; whoever executes cells looks at what belongs to them alone.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers.

        Raises
        ------
        RuntimeError
            It died, or did not answer for ``timeout`` seconds.
        """
        begun = time.monotonic()
        while not await self._answers():
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if timeout is not None and time.monotonic() - begun > timeout:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _answers(self) -> bool:
        """Ask the kernel what it is; True when it said so on both channels."""
        self.kernel_info()
        try:
            reply = await self.shell_channel.get_msg(timeout=1.0)
            await self.iopub_channel.get_msg(timeout=0.2)
        except Empty:
            return False
        if reply["msg_type"] != "kernel_info_reply":
            return False
        self._handle_kernel_info_reply(reply)
        return True


@contextmanager
def own_sockets() -> Iterator[Config]:
    """Settings for the manager of one kernel, to be used while the context lasts.

    Yields
    ------
    traitlets.config.Config
        With TCP where there are no such sockets (Windows) or the name of the folder for temporary
        files is too long for them.
    """
    with tempfile.TemporaryDirectory(prefix="seisnb-", ignore_cleanup_errors=True) as folder:
        config = Config()
        config.KernelManager.client_class = f"{__name__}.{PromptClient.__name__}"
        if os.name == "posix" and len(os.fsencode(folder + _ADDED)) <= _LONGEST:
            config.KernelManager.transport = "ipc"
            config.KernelManager.connection_file = f"{folder}/kernel.json"
        yield config
