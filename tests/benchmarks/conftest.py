"""What the benchmarks share: a clock on the stages of an inversion, and lines for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import xarray as xr

from seisnb.prior import PriorConfig
from seisnb.tomography import Progress, TomographyConfig, invert


@dataclass
class Timed:
    """An inversion's result with its wall times [s]."""

    ensemble: xr.Dataset
    total: float
    members: float


@dataclass
class Clock:
    """Notes when the members began and ended."""

    stamps: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, message: Progress) -> None:
        """Take one progress message."""
        self.stamps.setdefault(message.stage, []).append(time.perf_counter())


def timed_invert(survey: xr.Dataset, prior: PriorConfig | None, config: TomographyConfig) -> Timed:
    """Invert and time it."""
    clock = Clock()
    begun = time.perf_counter()
    ensemble = invert(survey, prior, config, progress=clock)
    total = time.perf_counter() - begun
    members = clock.stamps["members"]
    return Timed(ensemble=ensemble, total=total, members=members[-1] - members[0])


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line whatever pytest captures."""

    def write(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return write
