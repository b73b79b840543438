"""Background work: progress, cancel, failure, and what an observer may rely on."""

import contextvars
import os
import sys
import threading
import time

import pytest

from seisnb.conventions import Cancelled, InputError
from seisnb.dashboards.jobs import Job
from seisnb.threads import STEP_BACK, in_front, in_parallel


def run(work, interval=0.0):
    job, results, statuses = Job(interval=interval), [], []
    job.observe(lambda change: statuses.append(change["new"]), "status")
    job.start(work, results.append)
    assert job.wait(10)
    return job, results, statuses


def test_result_is_delivered_before_done_is_seen():
    job, seen = Job(), []
    job.observe(lambda change: seen.append((change["new"], list(results))), "status")
    results = []
    job.start(lambda report, stop: 7, results.append)
    assert job.wait(10)
    assert seen == [("running", []), ("done", [7])]


def test_reports_are_throttled_and_the_last_one_always_comes():
    seen = []
    job = Job(interval=0.05)
    job.observe(lambda change: seen.append(change["new"]), "progress")

    def work(report, stop):
        for i in range(300):
            report(i)
            time.sleep(0.001)

    job.start(work, lambda _: None)
    assert job.wait(20)
    assert seen[0] == 0
    assert seen[-1] == 299
    assert len(seen) < 60


def test_a_report_held_back_comes_also_while_the_work_is_silent():
    job, told = Job(interval=0.05), threading.Event()
    job.observe(lambda change: change["new"] == 2 and told.set(), "progress")

    def work(report, stop):
        report(1)
        report(2)
        return told.wait(5)

    results = []
    job.start(work, results.append)
    assert job.wait(10)
    assert results == [True]


def test_every_report_is_heard_and_a_hearer_that_fails_ends_the_work():
    heard, job = [], Job(interval=9.0)
    job.start(
        lambda report, stop: [report(i) for i in range(50)], lambda _: None, hear=heard.append
    )
    assert job.wait(10)
    assert heard == list(range(50))

    def work(report, stop):
        report(1)
        while not stop():
            time.sleep(0.005)

    job.start(work, heard.append, hear=lambda report: 1 / 0)
    assert job.wait(10)
    assert (job.status, len(heard)) == ("failed", 50)
    assert "ZeroDivisionError" in job.error


def test_cancel_keeps_what_the_work_returns():
    job, results = Job(), []
    begun = threading.Event()

    def work(report, stop):
        begun.set()
        while not stop():
            time.sleep(0.005)
        return "two members"

    job.start(work, results.append)
    assert begun.wait(5)
    job.cancel()
    assert job.status in ("cancelling", "cancelled")
    assert job.wait(5)
    assert (job.status, results, job.error) == ("cancelled", ["two members"], "")


def test_cancelled_work_delivers_nothing():
    def work(report, stop):
        raise Cancelled("too early")

    job, results, statuses = run(work)
    assert (job.status, results, job.error) == ("cancelled", [], "")
    assert statuses == ["running", "cancelled"]


@pytest.mark.parametrize(
    ("error", "text"),
    [(InputError("bad cell"), "bad cell"), (ZeroDivisionError("oh"), "ZeroDivisionError: oh")],
)
def test_failures_are_told(error, text):
    def work(report, stop):
        report("one")
        raise error

    job, results, _ = run(work, interval=9.0)
    assert (job.status, job.error, results) == ("failed", text, [])


def test_a_failing_delivery_is_a_failure():
    job = Job()
    job.start(lambda report, stop: 1, lambda result: 1 / 0)
    assert job.wait(5)
    assert job.status == "failed"
    assert "ZeroDivisionError" in job.error


def test_one_job_at_a_time_and_again_afterwards():
    job, gate = Job(), threading.Event()
    job.start(lambda report, stop: gate.wait(5), lambda _: None)
    with pytest.raises(InputError, match="already running"):
        job.start(lambda report, stop: 1, lambda _: None)
    gate.set()
    assert job.wait(5)
    job.start(lambda report, stop: 1, lambda _: None)
    assert job.wait(5)
    assert job.status == "done"


def test_work_runs_in_the_callers_context():
    name = contextvars.ContextVar("name", default="nobody")
    name.set("cell 4")
    _, results, _ = run(lambda report, stop: name.get())
    assert results == ["cell 4"]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_work_stands_back_but_not_its_end():
    def niceness(_=None):
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work(report, stop):
        items = in_parallel(niceness, [0, 1], n_workers=2)
        nested = in_front(lambda: list(in_parallel(niceness, [0, 1], n_workers=2)))
        return niceness(), [own for _, own in items], in_front(niceness), [n for _, n in nested]

    here = niceness()
    _, [(behind, items, front, nested)], _ = run(work)
    assert here < STEP_BACK
    assert [behind, *items] == [STEP_BACK] * 3
    assert [front, *nested] == [here] * 3


def test_what_goes_wrong_in_front_is_told():
    job, _, _ = run(lambda report, stop: in_front(lambda: 1 // 0))
    assert (job.status, job.error[:17]) == ("failed", "ZeroDivisionError")


def test_cancel_when_idle_does_nothing():
    job = Job()
    job.cancel()
    assert job.status == "idle"
    assert job.wait(0)
