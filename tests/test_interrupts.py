"""Stopping: the first signal asks, the second ends, a library's own handler never runs."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from seisnb.interrupts import EXIT_CANCELLED, STOPPING, cancel_on_interrupt, held_interrupts


def wait_for(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_ctrl_c_asks_once_and_then_raises():
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with cancel_on_interrupt(said.append) as cancel:
        assert not cancel()
        os.kill(os.getpid(), signal.SIGINT)
        assert wait_for(cancel)
        assert said == [STOPPING]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_held_signals_ask_listening_work_and_stop_the_rest(number):
    said: list[str] = []
    stopped = threading.Event()
    handler, mask = signal.getsignal(number), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with held_interrupts(said.append, stopped.set) as interrupts:
        with interrupts.listening() as cancel:
            assert not cancel()
            os.kill(os.getpid(), number)
            assert wait_for(cancel)
            assert wait_for(lambda: said == [STOPPING])
            assert not stopped.is_set()
            os.kill(os.getpid(), number)
            assert wait_for(stopped.is_set)
        stopped.clear()
        os.kill(os.getpid(), number)
        assert wait_for(stopped.is_set)
    assert signal.getsignal(number) is handler
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask


def test_a_library_s_own_handler_never_runs():
    """A C handler installed behind Python's back, as eikonalfm does, would end the process."""
    script = """
import ctypes, os, signal, time
from seisnb.interrupts import held_interrupts
with held_interrupts(print) as interrupts, interrupts.listening() as cancel:
    import numpy, threading
    threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
    ctypes.CDLL(None).signal(signal.SIGINT, ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p))
    os.kill(os.getpid(), signal.SIGINT)
    end = time.monotonic() + 5
    while not cancel() and time.monotonic() < end:
        time.sleep(0.01)
    assert cancel()
"""
    assert hasattr(ctypes.CDLL(None), "abort")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, STOPPING), done.stderr


def test_without_listening_work_the_process_ends_at_once():
    script = """
import os, signal, time
from seisnb.interrupts import held_interrupts
with held_interrupts():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
"""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_CANCELLED
    assert done.stderr.strip() == "seisnb: stopped"
    assert time.monotonic() - start < 20
