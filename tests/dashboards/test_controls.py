"""Forms: the right control per type, values there and back, mistakes explained."""

from dataclasses import dataclass, field
from typing import Literal

import ipywidgets as widgets
import pytest

from seisnb.conventions import InputError
from seisnb.dashboards.controls import Form, choice_control, text_control
from seisnb.dashboards.tomography.state import ReadingConfig
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig


@dataclass(frozen=True, kw_only=True)
class Toy:
    kind: Literal["a", "b"] = field(default="b", metadata={"help": "which", "unit": ""})
    is_on: bool = field(default=True, metadata={"help": "switch", "unit": ""})
    count: int = field(default=3, metadata={"help": "how many", "unit": "1"})
    length: float = field(default=1.5, metadata={"help": "how long", "unit": "km"})
    depth: float | None = field(default=None, metadata={"help": "how deep", "unit": "km"})
    pairs: tuple[tuple[float, float], ...] | None = field(
        default=None, metadata={"help": "points", "unit": "km, km/s"}
    )


def test_controls_fit_the_types_and_carry_unit_and_help():
    form = Form(Toy, group="toy")
    kinds = {name: type(control) for name, control in form.controls.items()}
    assert kinds == {
        "kind": widgets.Dropdown,
        "is_on": widgets.Checkbox,
        "count": widgets.IntText,
        "length": widgets.FloatText,
        "depth": widgets.Text,
        "pairs": widgets.Text,
    }
    assert form.controls["length"].description == "Length [km]"
    assert form.controls["count"].description == "Count"
    assert form.controls["depth"].tooltip == "how deep"
    assert form.controls["depth"].value == "auto"


@pytest.mark.parametrize("config", [Toy, ReadingConfig, PriorConfig, TomographyConfig])
def test_an_untouched_form_gives_the_defaults(config):
    assert Form(config, group="x").read() == config()


def test_write_and_read_are_inverse():
    config = Toy(
        kind="a", is_on=False, count=9, length=0.25, depth=12.5, pairs=((0.0, 1.5), (2.0, 4.0))
    )
    form = Form(Toy, group="toy")
    form.write(config)
    assert form.read() == config


def test_auto_and_empty_mean_none():
    form = Form(Toy, group="toy")
    for text in ("Auto", "  ", ""):
        form.controls["depth"].value = text
        assert form.read().depth is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("depth", "deep", r"depth=deep: expected a number or none \[km\]"), ("pairs", "[1", "pairs")],
)
def test_mistakes_name_the_field_and_what_is_expected(name, value, message):
    form = Form(Toy, group="toy")
    form.controls[name].value = value
    with pytest.raises(InputError, match=message):
        form.read()


def test_the_configurations_own_check_is_told():
    form = Form(TomographyConfig, group="tomography")
    form.controls["n_members"].value = 1
    with pytest.raises(InputError, match="n_members is 1"):
        form.read()


def test_fields_not_shown_fold_away_but_count():
    form = Form(Toy, group="toy", shown=("kind", "count"))
    assert form.widget.children[:2] == (form.controls["kind"], form.controls["count"])
    more = form.widget.children[2]
    assert isinstance(more, widgets.Accordion)
    assert set(more.children[0].children) == {
        form.controls[name] for name in ("is_on", "length", "depth", "pairs")
    }
    form.controls["length"].value = 4.0
    assert form.read().length == 4.0


def test_observers_hear_every_control():
    form, heard = Form(Toy, group="toy"), []
    form.observe(lambda change: heard.append(change["new"]))
    form.controls["count"].value = 5
    form.controls["kind"].value = "a"
    assert heard == [5, "a"]


def test_what_looks_the_same_is_one_model_of_the_page_and_closed_ones_are_made_anew():
    one, other = text_control("one"), text_control("other")
    assert one.style is other.style
    assert one.layout is other.layout
    narrow = choice_control("narrow", ("a",), "a", label_width="70px")
    wide = choice_control("wide", ("a",), "a")
    assert (narrow.style.description_width, wide.style.description_width) == ("70px", "170px")
    one.style.close()
    one.layout.close()
    new = text_control("new")
    assert new.style is not one.style
    assert new.style.comm is not None
    assert new.layout.max_width == "360px"
    assert new.layout.comm is not None
