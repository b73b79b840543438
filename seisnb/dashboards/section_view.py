"""The ensemble section in Jupyter: sent once, then browsed without the kernel."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from seisnb.dashboards.section_data import Overlay, SectionData, overlay_bytes

#: Bytes of members in one message: small enough that the picture is there early.
CHUNK = 4_000_000


class SectionView(anywidget.AnyWidget):
    """Shows an ensemble on a section: members, statistics, profile, overlays.

    The whole ensemble travels to a page once, as binary; members and statistics are then chosen,
    computed and drawn in the browser. Traits are what a person sets, in display units; they are
    kept in the notebook, the ensemble is not.

    Attributes
    ----------
    quantity : str
        ``mean``, ``member``, ``std``, ``relative``, ``quantile``, ``exceedance``, ``correlation``
        or the name of a field.
    member : int
        From 0.
    level, threshold : float
        Of the quantile, and the velocity that is exceeded.
    limits : list of float
        Low and high end of the colours; empty: the usual ones.
    picked : list of float
        The place (x, z) whose profile is shown; empty: none.
    span : list of float
        The part on show (x0, x1, z0, z1); empty: all.
    grey_above : float or None
        Std above which cells are grey.
    is_weighted : bool
        The section's other weights are used.
    hidden : list of str
        Overlays that are not as they were at first.
    group : str
        Views of one group share cursor and span.
    """

    _esm = (Path(__file__).parent / "static" / "section.js").read_text(encoding="utf-8")
    revision = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode("section of an ensemble").tag(sync=True)
    quantity = traitlets.Unicode("mean").tag(sync=True)
    member = traitlets.Int(0, min=0).tag(sync=True)
    level = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    limits = traitlets.List(traitlets.Float()).tag(sync=True)
    picked = traitlets.List(traitlets.Float()).tag(sync=True)
    span = traitlets.List(traitlets.Float()).tag(sync=True)
    grey_above = traitlets.Float(None, allow_none=True).tag(sync=True)
    is_weighted = traitlets.Bool(False).tag(sync=True)
    is_playing = traitlets.Bool(False).tag(sync=True)
    has_contours = traitlets.Bool(True).tag(sync=True)
    has_profile = traitlets.Bool(True).tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)
    group = traitlets.Unicode("").tag(sync=True)
    painter = traitlets.Enum(["auto", "canvas", "webgl2"], default_value="auto").tag(sync=True)

    def __init__(self, data: SectionData, **options: Any) -> None:
        super().__init__(**options)
        self._lock = threading.RLock()
        self._is_showing = False
        self._data = data
        self._parts = [data.codes]
        self._overlays: tuple[Overlay, ...] = data.overlays
        self._other: tuple[list[float] | None, str] = _other_of(data)
        if "threshold" not in options:
            self.threshold = float(np.mean(data.limits))
        self.on_msg(self._on_message)

    @property
    def data(self) -> SectionData:
        """What is shown."""
        return self._data

    @property
    def n_members(self) -> int:
        """Members so far."""
        return sum(len(part) for part in self._parts)

    def show(self, data: SectionData) -> None:
        """Show another section."""
        with self._lock, self._showing():
            is_other = data.unit != self._data.unit or data.limits != self._data.limits
            self._data, self._parts, self._overlays = data, [data.codes], data.overlays
            self._other = _other_of(data)
            if is_other:
                self.threshold, self.limits = float(np.mean(data.limits)), []
            if not 0 <= self.member < max(data.n_members, 1):
                self.member = 0
            self.revision += 1

    @property
    def is_showing(self) -> bool:
        """True while :meth:`show` sets traits: no person does."""
        return self._is_showing

    @contextmanager
    def _showing(self) -> Iterator[None]:
        self._is_showing = True
        try:
            yield
        finally:
            self._is_showing = False

    def append(self, velocity: NDArray[np.floating]) -> None:
        """Add one member, (depth, easting), display units: it appears at once."""
        codes = self._data.encoded(velocity[None])
        with self._lock:
            first = self.n_members
            self._parts.append(codes)
            message = {"kind": "append", "revision": self.revision, "first": first}
            self.send(message, [codes.tobytes()])

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Draw other overlays; the members stay."""
        with self._lock:
            self._overlays = tuple(overlays)
            self.send(
                {
                    "kind": "overlays",
                    "revision": self.revision,
                    "overlays": [each.info() for each in overlays],
                },
                [overlay_bytes(overlays)],
            )

    def set_other_weights(self, weights: Sequence[float] | None, label: str) -> None:
        """Offer other weights of the members, such as an earthquake's; the members stay."""
        with self._lock:
            self._other = None if weights is None else [float(w) for w in weights], label
            self.send(
                {
                    "kind": "weights",
                    "revision": self.revision,
                    "weights": self._other[0],
                    "label": label,
                }
            )

    def _on_message(self, _: object, content: dict[str, Any], __: list[memoryview]) -> None:
        """Answer a page that asks for the ensemble."""
        if content.get("kind") != "section":
            return
        with self._lock:
            data, re = self._data, content["id"]
            header = {
                **data.header(self.revision),
                "nMembers": self.n_members,
                "overlays": [each.info() for each in self._overlays],
                "otherWeights": self._other[0],
                "otherWeightsLabel": self._other[1],
            }
            parts = [part for part in self._parts if len(part)]
            points = overlay_bytes(self._overlays)
            answer = {"re": re, "kind": "header", "header": header, "done": not parts}
            self.send(answer, [data.field_bytes(), points])
            first, n_total = 0, self.n_members
            for part in parts:
                size = max(1, CHUNK // max(part[0].nbytes, 1))
                for start in range(0, len(part), size):
                    block = part[start : start + size]
                    last = first + len(block) == n_total
                    message = {"re": re, "kind": "members", "first": first, "done": last}
                    self.send(message, [np.ascontiguousarray(block).data])
                    first += len(block)


def _other_of(data: SectionData) -> tuple[list[float] | None, str]:
    """The other weights that a section comes with."""
    weights = data.other_weights
    return None if weights is None else [float(w) for w in weights], data.other_weights_label
