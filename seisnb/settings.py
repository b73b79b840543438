"""Configuration dataclasses from text: names looked up, values typed, mistakes explained.

The command line's ``--set name=value`` and the notebooks' ``settings`` both come through here, so
that every field of every configuration can be set without a line of code of its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from seisnb.conventions import InputError

_NONE_TEXTS = ("none", "null", "")
_BOOL_TEXTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def about(text: str, unit: str = "") -> dict[str, str]:
    """Metadata of a configuration's field: what forms, notebooks and the command line say of it."""
    return {"help": text, "unit": unit}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a configuration dataclass, as a person sets it.

    Attributes
    ----------
    group, name : str
        The configuration's short name and the field's name: ``prior``, ``amplitude``.
    annotation : Any
        The field's resolved type.
    default : Any
        Its default; :data:`dataclasses.MISSING` without one.
    unit, help : str
        From the field's metadata.
    """

    group: str
    name: str
    annotation: Any
    default: Any
    unit: str
    help: str

    @property
    def full_name(self) -> str:
        """``group.name``."""
        return f"{self.group}.{self.name}"

    @property
    def expected(self) -> str:
        """The type in words, with its unit."""
        unit = f" [{self.unit}]" if self.unit not in ("", "1") else ""
        return _expected(self.annotation) + unit


def list_settings(groups: Mapping[str, type]) -> list[Setting]:
    """Every field of the configuration dataclasses, in order.

    Parameters
    ----------
    groups : mapping of str to type
        Configuration dataclasses by short name.

    Returns
    -------
    list of Setting

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Config:
    ...     seed: int = dataclasses.field(default=0, metadata={"help": "random seed", "unit": ""})
    >>> [(s.full_name, s.expected, s.default) for s in list_settings({"run": Config})]
    [('run.seed', 'a whole number', 0)]
    """
    found = []
    for group, config in groups.items():
        hints = _hints(config)
        for field in dataclasses.fields(config):
            if not field.init:
                continue
            default = field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            found.append(
                Setting(
                    group=group,
                    name=field.name,
                    annotation=hints[field.name],
                    default=default,
                    unit=str(field.metadata.get("unit", "")),
                    help=str(field.metadata.get("help", "")),
                )
            )
    return found


@functools.cache
def _hints(config: type) -> dict[str, Any]:
    """The types of the fields: slow to find out, and asked for at every change of a form."""
    return get_type_hints(config)


def describe_settings(groups: Mapping[str, type]) -> str:
    """A table of all settings: name, default, what is expected and what it means."""
    settings = list_settings(groups)
    width = max(len(s.full_name) for s in settings)
    lines = []
    for s in settings:
        default = "required" if s.default is dataclasses.MISSING else f"default {s.default}"
        lines.append(f"{s.full_name:<{width}}  {s.help}; {s.expected}, {default}")
    return "\n".join(lines)


def parse_assignments(assignments: Iterable[str], *, where: str) -> dict[str, str]:
    """``["a=1", "b=x"]`` as a mapping.

    Raises
    ------
    InputError
        No ``=``, no name, or one name twice.
    """
    settings: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InputError(f"{where} {text}: expected name=value, as in n_members=64.")
        if name in settings:
            raise InputError(f"{where}: {name} is set twice ({settings[name]} and {value}).")
        settings[name] = value.strip()
    return settings


def make_configs(
    groups: Mapping[str, type],
    settings: Mapping[str, object],
    *,
    where: str,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Configurations with some fields set by name.

    Parameters
    ----------
    groups : mapping of str to type
        Configuration dataclasses by short name.
    settings : mapping of str to object
        Values by ``group.name``, or by bare ``name`` where only one group has it; text or JSON
        values, converted to the field's annotated type.
    where : str
        What the caller calls these settings, for messages: ``--set`` or ``settings``.
    defaults : mapping of str to mapping, optional
        Fields by group that hold where no setting names them, instead of the class's own.

    Returns
    -------
    dict of str to dataclass instance
        One per group.

    Raises
    ------
    InputError
        An unknown or ambiguous name, a value of the wrong type, or one that the configuration
        itself refuses.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Config:
    ...     length: float | None = None
    >>> make_configs({"prior": Config}, {"length": "2.5"}, where="--set")["prior"].length
    2.5
    """
    known = list_settings(groups)
    values: dict[str, dict[str, Any]] = {group: {} for group in groups}
    for name, value in settings.items():
        setting = _find(name, known, where)
        if setting.name in values[setting.group]:
            raise InputError(f"{where}: {setting.full_name} is set twice.")
        try:
            converted = _convert(value, setting.annotation)
        except ValueError:
            raise InputError(
                f"{where} {name}={value}: expected {setting.expected}"
                + (f" ({setting.help})." if setting.help else ".")
            ) from None
        values[setting.group][setting.name] = converted
    begin = defaults or {}
    return {
        group: config(**{**begin.get(group, {}), **values[group]})
        for group, config in groups.items()
    }


def _find(name: str, known: list[Setting], where: str) -> Setting:
    """The setting that a full or bare name means."""
    matches = [s for s in known if name in (s.full_name, s.name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        choices = " or ".join(s.full_name for s in matches)
        raise InputError(f"{where} {name}: more than one setting has this name; write {choices}.")
    names = {s.full_name: s.full_name for s in known} | {s.name: s.full_name for s in known}
    near = [names[n] for n in difflib.get_close_matches(name, names, n=3, cutoff=0.6)]
    hint = f"Did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise InputError(
        f"{where} {name}: no such setting. {hint}There are {', '.join(s.full_name for s in known)}."
    )


def _convert(value: object, annotation: Any) -> Any:
    """A value of the annotated type, from text or JSON; ValueError when it cannot be one."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(value, arguments)
    if origin is Literal:
        for option in arguments:
            if value == option or (isinstance(value, str) and value == str(option)):
                return option
        raise ValueError
    if origin is tuple or annotation is tuple:
        return _convert_tuple(value, arguments)
    if annotation is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _BOOL_TEXTS:
            return _BOOL_TEXTS[value.lower()]
        raise ValueError
    if annotation is int:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        return int(value)
    if annotation is float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        return float(value)
    if annotation in (str, Path):
        if not isinstance(value, str | Path):
            raise ValueError
        return annotation(value)
    raise ValueError


def _convert_union(value: object, options: tuple[Any, ...]) -> Any:
    """The first option that takes the value; None first."""
    if types.NoneType in options and (
        value is None or (isinstance(value, str) and value.lower() in _NONE_TEXTS)
    ):
        return None
    for option in options:
        if option is types.NoneType:
            continue
        try:
            return _convert(value, option)
        except ValueError:
            continue
    raise ValueError


def _convert_tuple(value: object, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple from a list or from its JSON text."""
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, list | tuple):
        raise ValueError
    if not arguments:
        return tuple(value)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(item, arguments[0]) for item in value)
    if len(arguments) != len(value):
        raise ValueError
    return tuple(_convert(item, kind) for item, kind in zip(value, arguments, strict=True))


def _expected(annotation: Any) -> str:
    """An annotated type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        options = [a for a in arguments if a is not types.NoneType]
        words = [_expected(a) for a in options]
        return " or ".join([*words, "none"] if types.NoneType in arguments else words)
    if origin is Literal:
        return " or ".join(str(option) for option in arguments)
    if origin is tuple and arguments:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a JSON list, each {_expected(arguments[0])}"
        return f"a JSON list of {len(arguments)}: {', '.join(_expected(a) for a in arguments)}"
    words_of = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return words_of.get(annotation, getattr(annotation, "__name__", str(annotation)))
