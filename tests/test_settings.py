"""Configurations from text: every type, every mistake."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from seisnb.conventions import InputError
from seisnb.prior import PriorConfig
from seisnb.settings import describe_settings, list_settings, make_configs, parse_assignments


@dataclass(frozen=True, kw_only=True)
class Run:
    n_members: int = field(default=64, metadata={"help": "number of models", "unit": ""})
    engine: Literal["rml", "svgd"] = "rml"
    depth_max: float | None = field(default=None, metadata={"help": "depth", "unit": "km"})
    infer_sigma: bool = False
    folder: Path | None = None
    pairs: tuple[tuple[float, float], ...] | None = None
    shape: tuple[int, int] = (1, 2)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_members < 2:
            raise InputError(f"Run: n_members is {self.n_members}; expected at least 2.")


@dataclass(frozen=True, kw_only=True)
class Prior:
    amplitude: float = 0.35
    seed: int = 0


GROUPS = {"run": Run, "prior": Prior}


def configs(**settings: object) -> dict:
    return make_configs(GROUPS, {k.replace("__", "."): v for k, v in settings.items()}, where="set")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_members", "8", 8),
        ("n_members", 8.0, 8),
        ("engine", "svgd", "svgd"),
        ("depth_max", "2.5", 2.5),
        ("depth_max", 3, 3.0),
        ("depth_max", "none", None),
        ("depth_max", None, None),
        ("infer_sigma", "yes", True),
        ("infer_sigma", "False", False),
        ("infer_sigma", True, True),
        ("folder", "a/b", Path("a/b")),
        ("pairs", "[[0, 1.5], [2, 3]]", ((0.0, 1.5), (2.0, 3.0))),
        ("pairs", [[0, 1.5]], ((0.0, 1.5),)),
        ("shape", "[3, 4]", (3, 4)),
    ],
)
def test_values_take_the_annotated_type(name, text, value):
    made = getattr(configs(**{name: text})["run"], name)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n_members", "eight", "a whole number"),
        ("n_members", "8.5", "a whole number"),
        ("n_members", True, "a whole number"),
        ("engine", "mcmc", "rml or svgd"),
        ("depth_max", "deep", r"a number or none \[km\]"),
        ("infer_sigma", "maybe", "true or false"),
        ("pairs", "[[1]]", "a JSON list"),
        ("pairs", "[[1, 2]", "a JSON list"),
        ("shape", "[1, 2, 3]", "a JSON list of 2"),
        ("folder", 3, "Path or none"),
    ],
)
def test_wrong_values_name_what_is_expected(name, text, expected):
    with pytest.raises(InputError, match=expected):
        configs(**{name: text})


def test_unknown_names_show_a_near_match_and_everything():
    with pytest.raises(InputError) as caught:
        configs(amplitud="0.3")
    message = str(caught.value)
    assert "Did you mean prior.amplitude?" in message
    assert "run.depth_max" in message
    with pytest.raises(InputError, match="no such setting. There are"):
        configs(zzz="1")


def test_bare_names_must_be_unambiguous():
    with pytest.raises(InputError, match=r"write run.seed or prior.seed"):
        configs(seed="1")
    made = configs(prior__seed="3", run__seed=4)
    assert (made["prior"].seed, made["run"].seed) == (3, 4)
    with pytest.raises(InputError, match="run.n_members is set twice"):
        configs(run__n_members=3, n_members=4)


def test_the_configuration_itself_has_the_last_word():
    with pytest.raises(InputError, match="expected at least 2"):
        configs(n_members="1")


def test_assignments():
    assert parse_assignments(["a=1", "b = x=y"], where="--set") == {"a": "1", "b": "x=y"}
    with pytest.raises(InputError, match="expected name=value"):
        parse_assignments(["a"], where="--set")
    with pytest.raises(InputError, match="expected name=value"):
        parse_assignments(["=1"], where="--set")
    with pytest.raises(InputError, match="a is set twice"):
        parse_assignments(["a=1", "a=2"], where="--set")


def test_real_configurations_are_described_and_settable_from_their_own_text():
    groups = {"prior": PriorConfig}
    settings = list_settings(groups)
    table = describe_settings(groups).splitlines()
    assert len(table) == len(settings)
    for setting, line in zip(settings, table, strict=True):
        assert setting.help, f"{setting.full_name} has no help"
        assert line.startswith(setting.full_name)
        made = make_configs(groups, {setting.full_name: str(setting.default)}, where="set")
        assert getattr(made["prior"], setting.name) == setting.default


def test_defaults_hold_where_nothing_is_set():
    defaults = {"run": {"n_members": 20, "seed": 3}}
    made = make_configs(GROUPS, {"n_members": 8}, where="settings", defaults=defaults)
    assert (made["run"].n_members, made["run"].seed) == (8, 3)
    assert made["prior"] == Prior()
