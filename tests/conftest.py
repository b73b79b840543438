"""What every test shares: the data folder, one thread per process, and referees that start fast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from seisnb.traveltime import referee
from tests.referees import Nursery

REPOSITORY = Path(__file__).resolve().parents[1]
pytest.register_assert_rewrite("tests.contracts")
START_REFEREE = referee._child


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a browser first, then those with slow tests: no worker begins a long one last."""
    files: dict[Path, int] = {}
    for item in items:
        rank = sum(bool(item.get_closest_marker(name)) for name in ("slow", "browser"))
        files[item.path] = max(files.get(item.path, 0), rank)
    items.sort(key=lambda item: -files[item.path])


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data: $SEISNB_DATA, else ../shared/data beside the repository."""
    folder = Path(os.environ.get("SEISNB_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.fail(
            f"the real data are not in {folder}. Name their folder by SEISNB_DATA: "
            "these tests never skip.",
            pytrace=False,
        )
    return folder.resolve()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Statistical tests with other seeds: tests/seeds.py."""
    parser.addoption(
        "--seeds-shift", type=int, metavar="N",
        help="run the statistical tests with the N-th other set of seeds (default 0)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """By the environment, so that processes that tests start are shifted too."""
    if (shift := config.getoption("--seeds-shift")) is not None:
        os.environ["SEISNB_SEEDS_SHIFT"] = str(shift)


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """One torch and one BLAS thread: the same sums on every machine, no fight between workers."""
    if request.node.get_closest_marker("benchmark"):
        yield
        return
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session", autouse=True)
def forked_referees() -> Iterator[None]:
    """Inversions of this process get their referee from one that has loaded its libraries."""
    if not hasattr(os, "pidfd_open"):  # no Linux: every one starts from nothing
        yield
        return
    nursery = Nursery()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(referee, "_child", nursery.child)
        yield
    nursery.close()


@pytest.fixture
def fresh_referees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Referees start from nothing, as they do for a user."""
    monkeypatch.setattr(referee, "_child", START_REFEREE)
