"""Forms made from configuration dataclasses: one labelled control per field, with help and unit."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Collection
from typing import Any, Literal, Union, get_args, get_origin

import ipywidgets as widgets
from ipywidgets.widgets.widget_bool import CheckboxStyle
from ipywidgets.widgets.widget_description import DescriptionStyle
from ipywidgets.widgets.widget_string import TextStyle

from seisnb.dashboards.looks import shared
from seisnb.settings import Setting, list_settings, make_configs

AUTO = "auto"
_LABEL_WIDTH = "170px"


class Form:
    """Controls for one configuration dataclass.

    Parameters
    ----------
    config : type
        A dataclass whose fields carry ``help`` and ``unit`` in their metadata.
    group : str
        Its short name, for messages.
    shown : collection of str
        Fields shown at once; the others fold away under "More". Empty: all are shown.

    Attributes
    ----------
    group : str
        As given.
    widget : ipywidgets.Widget
        The form.
    controls : dict of str to ipywidgets.Widget
        One per field.
    """

    def __init__(self, config: type, *, group: str, shown: Collection[str] = ()) -> None:
        self._config, self.group = config, group
        self._settings = {each.name: each for each in list_settings({group: config})}
        self.controls = {name: _control(each) for name, each in self._settings.items()}
        first = [box for name, box in self.controls.items() if not shown or name in shown]
        rest = [box for name, box in self.controls.items() if shown and name not in shown]
        children: list[widgets.Widget] = first
        if rest:
            more = widgets.Accordion([widgets.VBox(rest)], titles=["More"], selected_index=None)
            children = [*first, more]
        self.widget = widgets.VBox(children)

    def read(self) -> Any:
        """The configuration as the form stands.

        Raises
        ------
        InputError
            A value that cannot be; the message names the field and what is expected.
        """
        values = {}
        for name, setting in self._settings.items():
            value = self.controls[name].value
            if isinstance(value, str) and value.strip().lower() in (AUTO, ""):
                value = None if _is_optional(setting) else value
            values[f"{self.group}.{name}"] = value
        return make_configs({self.group: self._config}, values, where="form")[self.group]

    def write(self, config: Any) -> None:
        """Show a configuration."""
        for field in dataclasses.fields(config):
            if field.name in self.controls:
                self.controls[field.name].value = _shown(
                    self._settings[field.name], getattr(config, field.name)
                )

    def observe(self, callback: Callable[[object], object]) -> None:
        """Call back whenever a control changes."""
        for control in self.controls.values():
            control.observe(callback, "value")


def text_control(label: str, value: str = "", *, hint: str = "", tip: str = "") -> widgets.Text:
    """A labelled line of text that reports when it is left or confirmed."""
    return widgets.Text(
        value=value,
        description=label,
        placeholder=hint,
        tooltip=tip,
        continuous_update=False,
        style=shared(TextStyle, description_width=_LABEL_WIDTH),
        layout=_wide(),
    )


def choice_control(
    label: str,
    options: Collection[object],
    value: object,
    *,
    tip: str = "",
    label_width: str = _LABEL_WIDTH,
) -> widgets.Dropdown:
    """A labelled choice."""
    return widgets.Dropdown(
        options=list(options),
        value=value,
        description=label,
        tooltip=tip,
        style=shared(DescriptionStyle, description_width=label_width),
        layout=_wide(),
    )


def check_control(label: str, *, value: bool, tip: str = "") -> widgets.Checkbox:
    """A labelled box to be ticked."""
    return widgets.Checkbox(
        value=value, description=label, tooltip=tip, indent=False, style=shared(CheckboxStyle),
        layout=_wide(),
    )  # fmt: skip


def _wide() -> widgets.Layout:
    """As wide as the form."""
    return shared(widgets.Layout, width="auto", max_width="360px")


def _control(setting: Setting) -> widgets.Widget:
    """The control that fits a field's type."""
    unit = f" [{setting.unit}]" if setting.unit not in ("", "1") else ""
    label = setting.name.replace("_", " ").capitalize() + unit
    value = _shown(setting, setting.default)
    if get_origin(setting.annotation) is Literal:
        return choice_control(label, get_args(setting.annotation), value, tip=setting.help)
    if setting.annotation is bool:
        return check_control(label, value=value, tip=setting.help)
    if setting.annotation in (int, float):
        kind = widgets.IntText if setting.annotation is int else widgets.FloatText
        return kind(
            value=value,
            description=label,
            tooltip=setting.help,
            continuous_update=False,
            style=shared(DescriptionStyle, description_width=_LABEL_WIDTH),
            layout=_wide(),
        )
    return text_control(label, value, hint=AUTO, tip=setting.help)


def _shown(setting: Setting, value: object) -> Any:
    """A field's value as its control holds it."""
    if get_origin(setting.annotation) is Literal or setting.annotation in (bool, int, float):
        if value is not dataclasses.MISSING:
            return value
        arguments = get_args(setting.annotation)
        return arguments[0] if arguments else setting.annotation()
    if value is None or value is dataclasses.MISSING:
        return AUTO
    return json.dumps(value) if isinstance(value, tuple | list) else str(value)


def _is_optional(setting: Setting) -> bool:
    """True when the field may be None."""
    return get_origin(setting.annotation) in (Union, types.UnionType) and types.NoneType in (
        get_args(setting.annotation)
    )
