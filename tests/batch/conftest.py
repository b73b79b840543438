"""Makes the batch's own helpers importable, and leaves no process behind."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import making


@pytest.fixture(autouse=True)
def nobody_stays():
    """Kill what a failed test left running, with all that it started."""
    yield
    while making.started:
        process = making.started.pop()
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
