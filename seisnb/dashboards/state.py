"""What a person set and looks at: JSON-able, validated, versioned; with undo and redo.

A dashboard has one :class:`State`. Its controller changes it through :class:`History`, which keeps
every step; its views draw it and change nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from seisnb.conventions import InputError
from seisnb.settings import make_configs

#: Steps that can be undone.
MOST_STEPS = 500
#: Changes of one gesture within this time [s] of each other are one step.
GESTURE_PAUSE = 1.0


class ConfigTrait(traitlets.Instance):
    """A frozen configuration dataclass; in JSON the fields that differ from their defaults."""

    def __init__(self, config: type) -> None:
        super().__init__(config, args=())
        self.config = config

    def encode(self, value: Any) -> dict[str, Any]:
        """The fields that are not as by default."""
        default = type(value)()
        return {
            field.name: json.loads(json.dumps(getattr(value, field.name)))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != getattr(default, field.name)
        }

    def decode(self, content: Any, where: str) -> Any:
        """A configuration from its JSON; every field is checked."""
        if not isinstance(content, Mapping):
            raise InputError(f"{where}: {self.name} is {content!r}; expected an object.")
        name = str(self.name)
        values = {f"{name}.{key}": value for key, value in content.items()}
        return make_configs({name: self.config}, values, where=where)[name]


class State(traitlets.HasTraits):
    """Base of a dashboard's state: traits of JSON-able values, and nothing else.

    Subclasses name their ``kind`` and ``version``; a state saved by a newer version is refused.
    """

    kind: ClassVar[str] = "state"
    version: ClassVar[int] = 1

    def to_json(self) -> dict[str, Any]:
        """All values, with kind and version."""
        return {"kind": self.kind, "version": self.version, **self.snapshot()}

    def snapshot(self) -> dict[str, Any]:
        """All values as JSON holds them."""
        found: dict[str, Any] = {}
        for name, trait in self.traits().items():
            value = getattr(self, name)
            if isinstance(trait, ConfigTrait):
                value = trait.encode(value)
            found[name] = json.loads(json.dumps(value))
        return found

    def take(self, content: Mapping[str, Any], *, where: str = "state") -> None:
        """Set values from JSON, all or none.

        Parameters
        ----------
        content : mapping
            What :meth:`to_json` or :meth:`snapshot` returned; names that are left out stay.
        where : str
            Who asks, for messages.

        Raises
        ------
        InputError
            Another kind, a newer version, an unknown name or a value that cannot be; nothing is
            changed.
        """
        values = dict(content)
        kind, version = values.pop("kind", self.kind), values.pop("version", self.version)
        if kind != self.kind:
            raise InputError(f"{where}: it is of kind {kind!r}; expected {self.kind!r}.")
        if not isinstance(version, int) or version > self.version:
            raise InputError(
                f"{where}: it has version {version!r}; this seisnb knows version {self.version}. "
                "Update seisnb."
            )
        self.change(**self._decoded(values, where))

    def change(self, /, **values: Any) -> None:
        """Set traits, all or none.

        Raises
        ------
        InputError
            An unknown name.
        traitlets.TraitError
            A value that cannot be.
        """
        unknown = sorted(set(values) - set(self.trait_names()))
        if unknown:
            raise InputError(f"dashboard: no setting is called {', '.join(unknown)}.")
        before = {name: getattr(self, name) for name in values}
        try:
            with self.hold_trait_notifications():
                for name, value in values.items():
                    setattr(self, name, value)
        except traitlets.TraitError:
            with self.hold_trait_notifications():
                for name, value in before.items():
                    setattr(self, name, value)
            raise

    def _decoded(self, values: Mapping[str, Any], where: str) -> dict[str, Any]:
        """JSON values as the traits take them."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            trait = self.traits().get(name)
            if trait is None:
                raise InputError(f"{where}: no setting is called {name!r}.")
            if isinstance(trait, ConfigTrait):
                found[name] = trait.decode(value, where)
            elif isinstance(trait, traitlets.Tuple) and isinstance(value, list):
                found[name] = tuple(value)
            else:
                found[name] = value
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{where}: {name} is {value}; expected a finite number.")
            if not isinstance(trait, ConfigTrait):
                try:
                    trait._validate(self, found[name])
                except traitlets.TraitError as error:
                    raise InputError(f"{where}: {name} is {value!r}: {error}") from error
        return found


#: Traits of a section view that are part of a dashboard's state.
SECTION_TRAITS = (
    "quantity", "member", "level", "threshold", "limits", "picked", "span", "grey_above",
    "has_contours", "has_profile", "hidden",
)  # fmt: skip


class SectionState(State):
    """State of a dashboard with a section, in display units.

    Its traits are those of the same names of
    :class:`~seisnb.dashboards.section_view.SectionView`.
    """

    quantity = traitlets.Unicode("mean")
    member = traitlets.Int(0, min=0)
    level = traitlets.Float(0.5, min=0.0, max=1.0)
    threshold = traitlets.Float(0.0)
    limits = traitlets.List(traitlets.Float())
    picked = traitlets.List(traitlets.Float())
    span = traitlets.List(traitlets.Float())
    grey_above = traitlets.Float(None, allow_none=True)
    has_contours = traitlets.Bool(True)
    has_profile = traitlets.Bool(True)
    hidden = traitlets.List(traitlets.Unicode())


class History(traitlets.HasTraits):
    """Steps of a state, to go back and forth in.

    Attributes
    ----------
    can_undo, can_redo : bool
        There is a step to go back, or forth.
    undo_label, redo_label : str
        What that step did.
    """

    can_undo = traitlets.Bool(False)
    can_redo = traitlets.Bool(False)
    undo_label = traitlets.Unicode("")
    redo_label = traitlets.Unicode("")

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state
        self._now = state.snapshot()
        self._done: list[tuple[str, dict[str, Any]]] = []
        self._undone: list[tuple[str, dict[str, Any]]] = []
        self._gesture, self._when = "", 0.0

    def record(self, label: str, *, gesture: str = "") -> None:
        """Keep the state as it is now as a step, if it is another than before.

        Parameters
        ----------
        label : str
            What was done.
        gesture : str
            Changes of one gesture, such as a slider that is dragged, are one step.
        """
        now = self._state.snapshot()
        if now == self._now:
            return
        at = time.monotonic()
        is_same = bool(gesture) and gesture == self._gesture and at - self._when < GESTURE_PAUSE
        if not (is_same and self._done):
            self._done.append((label, self._now))
            del self._done[:-MOST_STEPS]
        self._gesture, self._when = gesture, at
        self._undone.clear()
        self._now = now
        self._tell()

    def absorb(self, *names: str) -> None:
        """Take over values that nobody set, such as a tab that opens: no step goes back on them."""
        now = self._state.snapshot()
        self._now = {**self._now, **{name: now[name] for name in names}}

    def forget(self) -> None:
        """Begin anew from the state as it is now."""
        self._done.clear()
        self._undone.clear()
        self._now = self._state.snapshot()
        self._tell()

    def step(self, *, back: bool) -> dict[str, Any] | None:
        """The values to go to; None when there is no step. Call :meth:`record` never for it."""
        source, target = (self._done, self._undone) if back else (self._undone, self._done)
        if not source:
            return None
        label, values = source.pop()
        target.append((label, self._now))
        self._now, self._gesture = values, ""
        self._tell()
        return values

    def _tell(self) -> None:
        self.can_undo, self.can_redo = bool(self._done), bool(self._undone)
        self.undo_label = self._done[-1][0] if self._done else ""
        self.redo_label = self._undone[-1][0] if self._undone else ""
