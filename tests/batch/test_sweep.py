"""Sweeps: what a file says, how many runs, and what makes a run another one."""

import time

import nbformat
import pytest
import yaml
from making import PARAMETERS, make_notebook

from seisnb.batch import Block, Sweep, read_sweep, run_batch
from seisnb.batch.driver import check_number
from seisnb.batch.sweep import sweep_of
from seisnb.conventions import InputError


def sweep(folder, *blocks, parameters=PARAMETERS, **more):
    make_notebook(folder / "n.ipynb", "print(k)", parameters=parameters)
    told = {"runs": [{"notebook": "n.ipynb", **block} for block in blocks], **more}
    return sweep_of(told, folder=folder, where="sweep")


def test_a_grid_times_a_list_times_repetitions(tmp_path):
    made = sweep(tmp_path, {"grid": {"k": [1, 2, 3]}, "repeat": 2}, {"list": [{"k": 9}, {"k": 3}]})
    assert made.n_runs == 8
    runs = made.runs()
    assert len({run.name for run in runs}) == len(runs) == 7  # k = 3 with its first seed, once
    assert sorted({run.parameters["k"] for run in runs}) == [1, 2, 3, 9]
    assert all(run.parameters["seed"] >= 0 for run in runs)
    assert len({run.parameters["seed"] for run in runs}) == 7


def test_seeds_are_derived_and_may_be_given(tmp_path):
    blocks = {"grid": {"k": [1, 2]}}
    seeds = [[r.parameters["seed"] for r in sweep(tmp_path, blocks, seed=s).runs()] for s in (0, 1)]
    assert seeds[0] == [r.parameters["seed"] for r in sweep(tmp_path, blocks).runs()]
    assert not set(seeds[0]) & set(seeds[1])
    given = sweep(tmp_path, {"parameters": {"seed": 5}, **blocks})
    assert [r.parameters["seed"] for r in given.runs()] == [5, 5]


def test_settings_by_their_own_names(tmp_path):
    more = PARAMETERS + "\nsettings: dict = {}  # other settings"
    made = sweep(
        tmp_path,
        {"parameters": {"settings": {"a": 1}}, "grid": {"settings.b.c": [2, 3]}},
        parameters=more,
    )
    assert [r.parameters["settings"] for r in made.runs()] == [
        {"a": 1, "b.c": 2}, {"a": 1, "b.c": 3},
    ]  # fmt: skip


def test_what_makes_a_run_another_one(tmp_path):
    (tmp_path / "picks.csv").write_text("1\n")
    more = PARAMETERS + '\npicks: str = ""  # a file'
    block = {"parameters": {"picks": "picks.csv", "k": 1}}

    def key():
        made = sweep_of(
            {"runs": [{"notebook": "n.ipynb", **block}]}, folder=tmp_path, where="sweep"
        )
        return made.runs()[0].key

    path = make_notebook(tmp_path / "n.ipynb", "print(k)", parameters=more)
    first = key()
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "other words"
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    nbformat.write(notebook, path)
    assert key() == first
    (tmp_path / "picks.csv").write_text("2\n")
    other = key()
    assert other != first
    (tmp_path / "picks.csv").write_text("1\n")
    assert key() == first
    make_notebook(tmp_path / "n2.ipynb", "print(k + 1)", parameters=more).replace(path)
    assert key() not in (first, other)


def test_folders_of_zarr_count_by_content(tmp_path):
    (tmp_path / "e.zarr").mkdir()
    (tmp_path / "e.zarr" / "a").write_text("1")
    more = PARAMETERS + "\nensemble: list = []  # files"
    block = {"parameters": {"ensemble": ["e.zarr"]}}
    one = sweep(tmp_path, block, parameters=more).runs()[0]
    (tmp_path / "e.zarr" / "a").write_text("2")
    assert list(one.inputs) == ["e.zarr"]
    assert sweep(tmp_path, block, parameters=more).runs()[0].key != one.key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runs: [", "is no YAML"),
        ("a: 1\na: 2\nruns: []", "'a' is given twice"),
        ("runs: !!python/object/apply:os.system [ls]", "is no YAML"),
        ("runs: []", "expected a list of runs"),
        ("runs: 3", "expected a list of runs"),
        ("runz: []", "'runz' means nothing here. There are limits, runs, seed"),
        ("runs: [{notebook: n.ipynb, grids: {}}]", "runs 1: 'grids' means nothing"),
        ("runs: [{notebook: none.ipynb}]", "no none.ipynb"),
        ("runs: [{notebook: ../../etc/none.ipynb}]", "there is no notebook"),
        ("runs: [{notebook: n.ipynb, grid: {k: 3}}]", "grid: k is 3; expected a list"),
        ("runs: [{notebook: n.ipynb, grid: {k: []}}]", "at least one value"),
        ("runs: [{notebook: n.ipynb, list: 3}]", "list is 3"),
        ("runs: [{notebook: n.ipynb, repeat: 0}]", "repeat is 0"),
        ("runs: [{notebook: n.ipynb, parameters: {out_dir: ../x}}]", "Take it out"),
        ("runs: [{notebook: n.ipynb, parameters: {k: x}}]", "runs 1, n.ipynb: k is 'x'"),
        ("runs: [{notebook: n.ipynb, parameters: {j: 1}}]", "j is no parameter"),
        ("seed: a\nruns: [{notebook: n.ipynb}]", "seed is 'a'"),
        ("limits: {minutes: -1}\nruns: [{notebook: n.ipynb}]", "minutes is -1"),
        ("limits: {minutes: yes}\nruns: [{notebook: n.ipynb}]", "minutes is True"),
        ("limits: {hours: 1}\nruns: [{notebook: n.ipynb}]", "'hours' means nothing"),
    ],
)
def test_files_that_are_no_sweeps(tmp_path, text, words):
    make_notebook(tmp_path / "n.ipynb", "print(k)")
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_sweep(path).runs()
    with pytest.raises(InputError, match="cannot be read"):
        read_sweep(tmp_path / "none.yaml")


def test_a_million_runs_are_asked_for_before_one_is_made(tmp_path):
    path = make_notebook(tmp_path / "n.ipynb", "print(k)")
    grid = {"k": range(1000), "seed": range(1000)}
    made = Sweep(blocks=[Block(notebook=path, grid=grid)], folder=tmp_path)
    started = time.thread_time()
    assert made.n_runs == 1_000_000
    with pytest.raises(InputError, match="1,000,000 runs"):
        run_batch(made, tmp_path / "out")
    assert time.thread_time() - started < 2.0
    assert not (tmp_path / "out").exists()
    check_number(made, is_agreed=True)


def test_names_of_folders_hold_no_path(tmp_path):
    path = make_notebook(tmp_path / "a b;c<d>.ipynb", "print(k)")
    (run,) = Sweep(blocks=[Block(notebook=path)], folder=tmp_path).runs()
    assert run.name == f"a_b_c_d_-{run.key}"


def test_yaml_as_it_is_documented():
    import seisnb.batch.sweep as module

    text = module.__doc__.split("::", 1)[1]
    told = yaml.safe_load(text)
    assert set(told) == {"seed", "limits", "runs"}
    assert told["runs"][0]["grid"]["settings.prior.amplitude"] == [0.2, 0.3]
