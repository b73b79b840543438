"""What a notebook can be told: parameters that one cell declares, checked before anything runs.

papermill takes an unknown parameter with a warning and turns a tuple into text. Here both are
errors, as is a value that a configuration refuses, and each says which cell to look at.
"""

from __future__ import annotations

import ast
import difflib
import io
import json
import math
import tokenize
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from seisnb.conventions import InputError
from seisnb.settings import make_configs

#: The configurations that a notebook's parameters and ``settings`` may set, by short name.
CONFIGURATIONS: Mapping[str, tuple[str, str]] = {
    "tomography": ("seisnb.tomography.config", "TomographyConfig"),
    "prior": ("seisnb.prior", "PriorConfig"),
    "location": ("seisnb.location.config", "LocationConfig"),
    "slip": ("seisnb.slip.config", "SlipConfig"),
}
#: Parameter that holds any other setting of the configurations by its name.
SETTINGS = "settings"
_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in (str, int, float, bool, list, dict)}
_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "list": "a list", "dict": "a mapping of names to values",
}  # fmt: skip
#: What papermill's own cell begins with.
_INJECTED = "# Parameters"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One line of a notebook's parameters cell.

    Attributes
    ----------
    name : str
        The variable.
    kind : type or None
        What it must be: str, int, float, bool, list or dict; None where the cell does not say.
    default : Any
        Its value in the cell; None also means that None is allowed.
    help : str
        The comment behind it: meaning and unit.
    """

    name: str
    kind: type | None
    default: Any
    help: str

    @property
    def expected(self) -> str:
        """The kind in words, with what it means."""
        words = "a value that JSON can hold" if self.kind is None else _WORDS[self.kind.__name__]
        none = " or none" if self.default is None else ""
        return f"{words}{none}" + (f" ({self.help})" if self.help else "")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A code cell: its text and its tags."""

    source: str
    tags: tuple[str, ...]


def read_code(notebook: Path) -> list[Cell]:
    """The code cells of a notebook.

    Notes
    -----
    The file is read as the JSON that it is: loading nbformat takes longer than all else that a
    batch does before its first run.

    Raises
    ------
    InputError
        The file is not there, or no notebook of format 4.
    """
    try:
        told = json.loads(notebook.read_text(encoding="utf-8"))
        if told["nbformat"] != 4:
            raise InputError(
                f"{notebook}: is of notebook format {told['nbformat']}; expected 4. Open and save "
                "it in JupyterLab."
            )
        return [
            Cell(
                source="".join(cell["source"]),
                tags=tuple(cell.get("metadata", {}).get("tags", ())),
            )
            for cell in told["cells"]
            if cell["cell_type"] == "code"
        ]
    except OSError as error:
        raise InputError(f"{notebook}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{notebook}: is no Jupyter notebook ({error!r}).") from error


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares, in order.

    Parameters
    ----------
    notebook : Path
        Its cell with the tag ``parameters`` has lines such as ``seed: int = 0  # random seed``.

    Raises
    ------
    InputError
        No such file, no notebook, no such cell, or a default that is no plain value.
    """
    cells = [cell for cell in read_code(notebook) if "parameters" in cell.tags]
    if not cells:
        raise InputError(
            f"{notebook}: no cell has the tag 'parameters', so nothing can be set. Tag the cell "
            "that assigns the notebook's parameters."
        )
    source = cells[0].source
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(
            f"{notebook.name}, parameters cell, line {error.lineno}: {error.msg}."
        ) from error
    comments = _comments(source)
    found = {}
    for node in statements:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if not isinstance(target, ast.Name):
            continue
        try:
            default = ast.literal_eval(node.value)
        except ValueError:
            raise InputError(
                f"{notebook.name}, parameters cell: the default of {target.id} is "
                f"{ast.get_source_segment(source, node.value)}; "
                "expected a plain value, such as a number, text, a list or None. Compute from it "
                "in a later cell."
            ) from None
        kind = _KINDS.get(ast.unparse(node.annotation)) if isinstance(node, ast.AnnAssign) else None
        if kind is None and type(default) in _KINDS.values():
            kind = type(default)
        found[target.id] = Parameter(
            name=target.id, kind=kind, default=default, help=comments.get(node.end_lineno or 0, "")
        )
    return found


def _comments(source: str) -> dict[int, str]:
    """Comments by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}


def configuration_names(cells: Iterable[Cell]) -> tuple[str, ...]:
    """The configurations that a notebook asks of :func:`configs_from_parameters`, by name."""
    found: list[str] = []
    for cell in cells:
        if configs_from_parameters.__name__ not in cell.source:
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            continue  # a magic: another cell will ask
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == configs_from_parameters.__name__
            ):
                texts = (str(a.value) for a in node.args if isinstance(a, ast.Constant))
                found += [text for text in texts if text in CONFIGURATIONS]
    return tuple(dict.fromkeys(found))


def check_parameters(
    values: Mapping[str, Any],
    declared: Mapping[str, Parameter],
    configurations: Iterable[str] = (),
    *,
    where: str,
) -> dict[str, Any]:
    """Values as the notebook expects them; whole numbers become numbers where those are due.

    Parameters
    ----------
    values : mapping
        Some of the parameters.
    declared : mapping of str to Parameter
        Of :func:`read_parameters`.
    configurations : iterable of str
        Names of :data:`CONFIGURATIONS` that same-named parameters and ``settings`` set.
    where : str
        Whose values they are, for messages.

    Raises
    ------
    InputError
        An unknown name, another type, a tuple, a number that is not finite, or a value that a
        configuration refuses.
    """
    for name in values:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=2, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}? " if near else ""
            raise InputError(
                f"{where}: {name} is no parameter of the notebook. {hint}There are "
                f"{', '.join(declared)}."
            )
    found = {name: _checked(value, declared[name], where) for name, value in values.items()}
    _configs({**{n: p.default for n, p in declared.items()}, **found}, configurations, where)
    return found


def configs_from_parameters(
    namespace: Mapping[str, Any],
    *configurations: str,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Configurations from the parameters of the notebook that calls it.

    Parameters
    ----------
    namespace : mapping
        The notebook's ``globals()``: its parameters are the names that a cell annotates.
    *configurations : str
        Names of :data:`CONFIGURATIONS`. A parameter named like one of their fields sets it, and
        so does every entry of the parameter ``settings``.
    defaults : mapping of str to mapping, optional
        Fields that begin elsewhere here than in their configurations, by configuration.

    Returns
    -------
    dict of str to dataclass instance
        One per name.

    Raises
    ------
    InputError
        As :func:`check_parameters`; the message names the cell.

    Examples
    --------
    >>> told = {"__annotations__": {"n_members": int}, "n_members": 3}
    >>> configs_from_parameters(told, "tomography")["tomography"].n_members
    3
    """
    where = "parameters cell"
    cells = [str(text) for text in namespace.get("In", ())]
    injected = [text for text in cells if text.startswith(_INJECTED)]
    given = _assigned(injected[-1]) if injected else ()
    own = _defaults(cells)
    declared = {
        name: Parameter(
            name=name, kind=_kind(kind), default=own.get(name, namespace[name]), help=""
        )
        for name, kind in dict(namespace.get("__annotations__", {})).items()
        if name in namespace
    }
    values = {name: namespace[name] for name in declared} | {
        name: None for name in given if name not in declared
    }
    checked = check_parameters(values, declared, where=where)
    return _configs(checked, configurations, where, defaults)


def _configs(
    values: Mapping[str, Any],
    configurations: Iterable[str],
    where: str,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Configurations with their same-named parameters and ``settings`` set."""
    groups = {name: getattr(import_module(m), c) for name, (m, c) in _known(configurations).items()}
    if not groups:
        return {}
    settings: dict[str, Any] = {}
    for group, config in groups.items():
        for field in fields(config):
            if values.get(field.name) is not None:
                settings[f"{group}.{field.name}"] = values[field.name]
    settings |= dict(values.get(SETTINGS) or {})
    return make_configs(groups, settings, where=f"{where}, {SETTINGS}", defaults=defaults)


def _known(configurations: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Where the configurations are."""
    return {name: CONFIGURATIONS[name] for name in configurations}


def _kind(annotation: Any) -> type | None:
    """The kind that an annotation names, as a type or as text."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return _KINDS.get(name)


def _assigned(source: str) -> list[str]:
    """Names that a cell assigns."""
    return [
        target.id
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _defaults(cells: Iterable[str]) -> dict[str, Any]:
    """What cells assign to annotated names, as far as it is plain."""
    found: dict[str, Any] = {}
    for source in cells:
        with suppress(SyntaxError):  # a magic declares nothing
            for node in ast.parse(source).body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    with suppress(ValueError, TypeError):
                        found[node.target.id] = ast.literal_eval(node.value or "")
    return found


def _checked(value: Any, parameter: Parameter, where: str) -> Any:
    """One value, as the notebook expects it."""
    _check_plain(value, parameter, where)
    kind = parameter.kind
    if value is None and parameter.default is None:
        return None
    if kind is float and type(value) in (int, str):
        with suppress(ValueError):  # YAML reads 1e-3 as text
            return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if kind is not None and type(value) is not kind:
        raise InputError(
            f"{where}: {parameter.name} is {_short(value)}; expected {parameter.expected}."
        )
    return value


def _check_plain(value: Any, parameter: Parameter, where: str) -> None:
    """Refuse what does not reach a notebook as it is."""
    if isinstance(value, tuple):
        raise InputError(
            f"{where}: {parameter.name} is the tuple {_short(value)}, which would reach the "
            f"notebook as text. Write the list {_short(list(value))}."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: {parameter.name} is {value}; expected {parameter.expected}.")
    if type(value) not in (*_KINDS.values(), type(None)):
        raise InputError(
            f"{where}: {parameter.name} is of type {type(value).__name__}; expected "
            f"{parameter.expected}. Convert it to a plain Python value."
        )
    if isinstance(value, list | dict):
        if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
            raise InputError(f"{where}: {parameter.name} has keys that are no text. Quote them.")
        for item in value.values() if isinstance(value, dict) else value:
            _check_plain(item, parameter, where)


def _short(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
