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
from collections.abc import Iterator
from contextlib import contextmanager

from traitlets.config import Config

#: A name of a socket may be 107 bytes long; what is added to its folder's name.
_LONGEST = 107
_ADDED = "/kernel-ipc-5"


@contextmanager
def own_sockets() -> Iterator[Config]:
    """Settings for the manager of one kernel, to be used while the context lasts.

    Yields
    ------
    traitlets.config.Config
        Empty, that is TCP, where there are no such sockets (Windows) or the name of the folder for
        temporary files is too long for them.
    """
    with tempfile.TemporaryDirectory(prefix="seisnb-", ignore_cleanup_errors=True) as folder:
        config = Config()
        if os.name == "posix" and len(os.fsencode(folder + _ADDED)) <= _LONGEST:
            config.KernelManager.transport = "ipc"
            config.KernelManager.connection_file = f"{folder}/kernel.json"
        yield config
