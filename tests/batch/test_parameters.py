"""What notebooks can be told: read from one cell, checked by name, kind and range."""

import numpy as np
import pytest
from making import make_notebook

from seisnb.batch.notebooks import execute_notebook, find_notebook
from seisnb.batch.parameters import (
    check_parameters,
    configs_from_parameters,
    configuration_names,
    read_code,
    read_parameters,
)
from seisnb.conventions import InputError, SeisnbError

OWN = ("tomography", "location", "slip", "survey_to_source", "verification")


@pytest.mark.parametrize("name", OWN)
def test_every_parameter_of_ours_has_a_kind_and_a_meaning(name):
    found = read_parameters(find_notebook(name))
    assert len(found) > 5
    for parameter in found.values():
        assert parameter.kind is not None
        assert len(parameter.help) > 8
        assert parameter.default is None or type(parameter.default) is parameter.kind


def test_names_kinds_defaults_and_meanings(tmp_path):
    source = '''\
"""Words are no parameter."""
a: int = 3  # a count
b = [1, 2]  # a list, "#" and all
c: float = None  # a length [km]
d: dict = {
    "x": 1,
}  # behind the last line
e = -2.5
f: int | None = None  # more than a kind'''
    found = read_parameters(make_notebook(tmp_path / "n.ipynb", parameters=source))
    told = {n: (p.kind, p.default, p.help) for n, p in found.items()}
    assert told == {
        "a": (int, 3, "a count"),
        "b": (list, [1, 2], 'a list, "#" and all'),
        "c": (float, None, "a length [km]"),
        "d": (dict, {"x": 1}, "behind the last line"),
        "e": (float, -2.5, ""),
        "f": (None, None, "more than a kind"),
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nonsense", "no Jupyter notebook"),
        ("[]", "no Jupyter notebook"),
        ('{"nbformat": 3, "worksheets": []}', "notebook format 3"),
        ('{"nbformat": 4, "cells": []}', "no cell has the tag 'parameters'"),
    ],
)
def test_files_that_are_no_notebooks_with_parameters(tmp_path, content, words):
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_parameters(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_parameters(tmp_path / "none.ipynb")


def test_a_computed_default_is_refused(tmp_path):
    path = make_notebook(tmp_path / "n.ipynb", parameters="a: int = 2 * 3  # six")
    with pytest.raises(InputError, match=r"n.ipynb, parameters cell: the default of a is 2 \* 3"):
        read_parameters(path)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_member": 8}, "n_member is no parameter.* Did you mean n_members"),
        ({"n_members": "many"}, "n_members is 'many'; expected a whole number"),
        ({"n_members": 2.5}, "expected a whole number"),
        ({"n_members": True}, "expected a whole number"),
        ({"n_members": None}, "expected a whole number"),
        ({"phases": (1, 5)}, r"tuple \(1, 5\).* Write the list \[1, 5\]"),
        ({"settings": {"a": (1,)}}, "tuple"),
        ({"water_velocity": float("nan")}, "water_velocity is nan"),
        ({"n_members": np.int64(3)}, "of type int64"),
        ({"n_members": 1}, "n_members is 1"),
        ({"settings": {"prior.amplitude": -1}}, "amplitude"),
        ({"settings": {"prior.amplitud": 0.3}}, "Did you mean prior.amplitude"),
        ({"settings": {1: 2}}, "keys that are no text"),
    ],
)
def test_what_a_notebook_cannot_be_told(values, words):
    path = find_notebook("tomography")
    names = configuration_names(read_code(path))
    assert names == ("tomography", "prior")
    with pytest.raises(InputError, match=f"(?s)sweep: .*{words}|sweep, settings.*{words}|{words}"):
        check_parameters(values, read_parameters(path), names, where="sweep")


def test_what_it_can_be_told_comes_as_it_is_expected():
    declared = read_parameters(find_notebook("tomography"))
    told = {"water_velocity": 2, "n_members": 8.0, "phases": [1, 5], "format": None}
    found = check_parameters(told, declared, ("tomography", "prior"), where="sweep")
    assert found == told
    assert (type(found["water_velocity"]), type(found["n_members"])) == (float, int)
    assert check_parameters({"water_velocity": "1e-3"}, declared, where="x") == {
        "water_velocity": 1e-3
    }


def test_configurations_of_a_running_notebook():
    kernel = {
        "In": ["", "n_members: int = 64\nsettings: dict = {}", "# Parameters\nn_members = 8\n"],
        "__annotations__": {"n_members": int, "settings": dict},
        "n_members": 8,
        "settings": {"prior.amplitude": 0.3, "on_bad": "raise"},
    }
    drop = {"location": {"on_bad": "drop"}}
    found = configs_from_parameters(kernel, "tomography", "prior", "location", defaults=drop)
    assert found["tomography"].n_members == 8
    assert found["prior"].amplitude == 0.3
    assert found["location"].on_bad == "raise"
    kernel["settings"] = {}
    found = configs_from_parameters(kernel, "location", defaults=drop)
    assert found["location"].on_bad == "drop"
    with pytest.raises(InputError, match="parameters cell: n_members is None"):
        configs_from_parameters({**kernel, "n_members": None}, "tomography")
    kernel["In"].append("# Parameters\nn_memberz = 8\n")
    with pytest.raises(InputError, match="parameters cell: n_memberz is no parameter"):
        configs_from_parameters(kernel, "tomography")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_memberz": 4}, "parameters cell: n_memberz is no parameter"),
        ({"n_members": "4"}, "parameters cell: n_members is '4'"),
        ({"settings": {"prior.amplitude": -0.3}}, "amplitude"),
    ],
)
def test_papermill_alone_is_told_too(tmp_path, parameters, words):
    out = {"out_dir": str(tmp_path / "out")}
    with pytest.raises(SeisnbError, match=words):
        execute_notebook(find_notebook("tomography"), tmp_path / "run.ipynb", parameters | out)
    assert not (tmp_path / "out").exists()
