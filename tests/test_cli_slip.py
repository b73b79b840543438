"""``seisnb slip`` as a process: displacements and meshes in, results out, bad input in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seisnb.cli import EXIT_BAD_INPUT, main
from seisnb.interrupts import EXIT_CANCELLED
from seisnb.io import open_slip
from seisnb.projection import Projection
from seisnb.slip import SlipConfig, invert_slip
from seisnb.slip.synthetic import PROJECTION, example_thrust
from tests.tables import write_offsets


def write_mesh(
    path: Path, points: np.ndarray, triangles: np.ndarray, *, version: str = "2.2"
) -> Path:
    """A gmsh ASCII file of points (n, 3) and triangles (m, 3), numbered from 0."""
    lines = ["$MeshFormat", f"{version} 0 8", "$EndMeshFormat", "$Nodes"]
    n, m = len(points), len(triangles)
    places = [" ".join(f"{value:.9f}" for value in point) for point in points]
    if version == "2.2":
        lines += [str(n), *(f"{i + 1} {place}" for i, place in enumerate(places)), "$EndNodes",
                  "$Elements", str(m)]  # fmt: skip
        lines += [f"{i + 1} 2 2 1 1 {a + 1} {b + 1} {c + 1}"
                  for i, (a, b, c) in enumerate(triangles)]  # fmt: skip
    else:
        lines += [f"1 {n} 1 {n}", f"2 1 0 {n}", *(str(i + 1) for i in range(n)), *places,
                  "$EndNodes", "$Elements", f"1 {m} 1 {m}", f"2 1 2 {m}"]  # fmt: skip
        lines += [f"{i + 1} {a + 1} {b + 1} {c + 1}" for i, (a, b, c) in enumerate(triangles)]
    path.write_text("\n".join([*lines, "$EndElements", ""]))
    return path


def thrust(dip: float) -> tuple[np.ndarray, np.ndarray]:
    """A plane that strikes north, as longitude, latitude, depth [km, up], and its triangles."""
    down, along = np.meshgrid(np.linspace(0, 80, 5), np.linspace(-60, 60, 5), indexing="ij")
    angle = np.radians(dip)
    x, z = (down * np.cos(angle)).ravel(), -(5 + down * np.sin(angle)).ravel()
    longitude, latitude = Projection(PROJECTION).inverse(x, along.ravel())
    corner = (np.arange(4)[:, None] * 5 + np.arange(4)).ravel()
    triangles = np.concatenate(
        [np.column_stack([corner, corner + 5, corner + 1]),
         np.column_stack([corner + 1, corner + 5, corner + 6])]
    )  # fmt: skip
    return np.column_stack([longitude, latitude, z]), triangles


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("slip")
    offsets, _, _ = example_thrust(n_sites=15)
    write_offsets(offsets, folder / "offsets.csv")
    for dip, version in ((14, "2.2"), (17, "4.1")):
        write_mesh(folder / f"dip{dip}.msh", *thrust(dip), version=version)
    return folder


def command(files: Path, out: Path, *more: object, meshes: tuple[str, ...] = ("dip14",)) -> list:
    return [
        "slip", str(files / "offsets.csv"), "--mesh", *(str(files / f"{m}.msh") for m in meshes),
        "--out", str(out), "--set", "n_samples=60", *map(str, more),
    ]  # fmt: skip


def test_the_whole_command_as_a_process(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = command(
        files, out, "--free-sign", "--smoothing", "gaussian_process", "--title", "A <thrust>",
        meshes=("dip14", "dip17"),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "seisnb", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "15 sites, 32 patches, 2 structures" in done.stdout
    assert "Mw 7." in done.stdout
    assert "kernels: 2 of 2 structures" in done.stderr  # plain lines where there is no terminal
    assert "\r" not in done.stderr
    found = open_slip(out / "slip.nc")
    assert found["structure_name"].values.tolist() == ["dip14", "dip17"]
    assert found["structure_dip"].values == pytest.approx([14, 17], abs=0.1)
    assert found["structure_probability"].values[1] > 0.9
    assert 7.0 < float(found["magnitude"].mean()) < 7.6
    assert found.attrs["source"] == "offsets.csv"
    page = (out / "report.html").read_text()
    assert "<h1>A &lt;thrust&gt;</h1>" in page
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "slip.nc"]


def test_the_command_gives_what_python_gives(files: Path, tmp_path: Path) -> None:
    from seisnb.io import read_offsets
    from seisnb.slip.meshes import Spread, read_structures

    assert main(command(files, tmp_path / "a", "--free-sign", "--members", 3, "--dip-std", 2,
                        "--seed", 5, "--shear-modulus", 40)) == 0  # fmt: skip
    found = open_slip(tmp_path / "a" / "slip.nc")
    offsets = read_offsets(files / "offsets.csv")
    structures = read_structures(
        [files / "dip14.msh"], offsets, n_members=3,
        spread=Spread(dip_std=2.0), seed=5, shear_modulus=40.0,
    )  # fmt: skip
    same = invert_slip(offsets, structures, SlipConfig(positive=False, n_samples=60, seed=5))
    for name in ("slip", "magnitude", "structure_probability", "structure_dip"):
        np.testing.assert_array_equal(found[name], same[name])


def test_slip_without_and_with_smoothing_side_by_side(files: Path, tmp_path: Path) -> None:
    assert main(command(files, tmp_path, "--free-sign", "--smoothing", "both")) == 0
    rough, smooth = (open_slip(tmp_path / name) for name in ("slip.nc", "slip_smooth.nc"))
    assert json.loads(rough.attrs["config"])["smoothing"] == "none"
    assert json.loads(smooth.attrs["config"])["smoothing"] == "gaussian_process"
    page = (tmp_path / "report.html").read_text()
    assert "What the prior decides" in page
    assert "<caption>By prior</caption>" in page


def test_positive_slip_by_the_sampler(files: Path, tmp_path: Path) -> None:
    assert main(command(files, tmp_path, "--particles", 40, "--set", "n_moves=1")) == 0
    found = open_slip(tmp_path / "slip.nc")
    assert (found["slip"].values >= 0).all()
    assert "scale_reduction" in found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--azimuth", 270), {"azimuth": 270.0, "rake": None, "positive": True}),
        (("--rake", 80, "--frame", "translation"), {"rake": 80.0, "frame": "translation"}),
        (("--rake-mode", "free", "--no-vertical"),
         {"rake_mode": "free", "positive": False, "use_vertical": False}),
        (("--particles", 44, "--workers", 1, "--set", "slip_std=0.5"),
         {"n_particles": 44, "n_workers": 1, "slip_std": 0.5}),
    ],
)  # fmt: skip
def test_options_reach_the_configuration(files: Path, options, expected) -> None:
    from seisnb.cli import _parser
    from seisnb.cli.slip import _configs

    args = _parser().parse_args(command(files, files, *options))
    config = _configs(args)["slip.nc"]
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--members", 4), "members without a spread"),
        (("--dip-std", 2), "a spread needs members"),
        (("--members", 0), "0 members; expected 1 or more"),
        (("--members", 4, "--dip-std", -1), "dip_std is -1"),
        (("--poisson", 0.7), "0.7"),
        (("--shear-modulus", 3e10), "Multiply GPa by 1e9"),
        (("--particles", 3), "n_particles is 3"),
        (("--set", "smoothness=1"), "no such setting"),
        (("--smoothing", "none", "--set", "smoothing=laplacian"), "give one of them"),
        (("--rake", 500), "rake is 500"),
    ],
)
def test_bad_settings_are_one_line(files: Path, tmp_path, capsys, options, said: str) -> None:
    assert main(command(files, tmp_path / "out", *options)) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").glob("*.nc"))


def test_two_directions_are_refused_by_the_parser(files: Path, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(command(files, tmp_path, "--rake", 90, "--azimuth", 270))
    assert stopped.value.code == EXIT_BAD_INPUT
    assert "not allowed with" in capsys.readouterr().err


def spoiled(files: Path, kind: str, folder: Path) -> Path:
    """A mesh with one thing wrong."""
    points, triangles = thrust(14)
    path = folder / "bad.msh"
    if kind == "degenerate":
        triangles = np.vstack([triangles, [0, 1, 2]])  # three on a line
    elif kind == "above ground":
        points[:5, 2] = -points[:5, 2]
        points[5:, 2] -= 30.0
    elif kind == "kilometres":  # easting and northing, such as degrees also have
        x, y = Projection(PROJECTION).forward(points[:, 0], points[:, 1])
        points[:, 0], points[:, 1] = 0.1 * x, 0.1 * y
    elif kind == "other patches":
        triangles = triangles[:-1]
    elif kind == "not finite":
        points[3, 2] = np.nan
    write_mesh(path, points, triangles)
    text = path.read_text()
    if kind == "truncated":
        path.write_text(text[: len(text) // 2])
    elif kind == "no triangles":
        path.write_text(text.replace(" 2 2 1 1 ", " 1 2 1 1 "))
    elif kind == "no mesh":
        path.write_text("easting northing\n1 2\n")
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("degenerate", "degenerate"),
        ("above ground", "above the ground"),
        ("kilometres", "kilometres confused? Say what"),
        ("not finite", "not finite"),
        ("truncated", "bad.msh cannot be read as gmsh"),
        ("no triangles", "expected triangles"),
        ("no mesh", "bad.msh cannot be read as gmsh"),
    ],
)
def test_a_bad_mesh_is_one_line_that_names_it(files, tmp_path, capsys, kind, said) -> None:
    bad = spoiled(files, kind, tmp_path)
    arguments = command(files, tmp_path / "out", "--free-sign")
    arguments[arguments.index("--mesh") + 1] = str(bad)
    assert main(arguments) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()  # nothing is made before all is read


def test_meshes_that_cannot_be_one_ensemble(files: Path, tmp_path, capsys) -> None:
    other = spoiled(files, "other patches", tmp_path)
    arguments = command(files, tmp_path / "out")
    arguments.insert(arguments.index("--mesh") + 2, str(other))
    assert main(arguments) == EXIT_BAD_INPUT
    assert "'bad') has 31 patches, structure 0 has 32" in capsys.readouterr().err
    assert main(command(files, tmp_path / "out", meshes=("dip14", "dip14"))) == EXIT_BAD_INPUT
    assert "given twice" in capsys.readouterr().err
    assert main(command(files, tmp_path / "out", meshes=("none",))) == EXIT_BAD_INPUT
    assert "there is no file" in capsys.readouterr().err


def test_a_flipped_triangle_is_turned_and_told(files: Path, tmp_path, capsys) -> None:
    points, triangles = thrust(14)
    triangles[7] = triangles[7][::-1]
    mesh = write_mesh(tmp_path / "flipped.msh", points, triangles)
    arguments = command(files, tmp_path / "out", "--free-sign")
    straight = list(arguments)
    arguments[arguments.index("--mesh") + 1] = str(mesh)
    assert main(arguments) == 0
    assert "1 of 32 triangles were flipped" in capsys.readouterr().out
    straight[straight.index("--out") + 1] = str(tmp_path / "straight")
    assert main(straight) == 0
    np.testing.assert_allclose(
        open_slip(tmp_path / "out" / "slip.nc")["slip_mean"],
        open_slip(tmp_path / "straight" / "slip.nc")["slip_mean"], atol=1e-9,
    )  # fmt: skip


def test_meshes_in_kilometres_when_that_is_said(files: Path, tmp_path: Path) -> None:
    from seisnb.io import read_offsets

    points, triangles = thrust(14)
    projection = Projection(read_offsets(files / "offsets.csv").attrs["projection"])
    points[:, 0], points[:, 1] = projection.forward(points[:, 0], points[:, 1])
    mesh = write_mesh(tmp_path / "km.msh", points, triangles)
    arguments = command(files, tmp_path / "km", "--free-sign", "--mesh-coordinates", "km")
    arguments[arguments.index("--mesh") + 1] = str(mesh)
    assert main(arguments) == 0
    assert main(command(files, tmp_path / "degrees", "--free-sign")) == 0
    np.testing.assert_allclose(
        open_slip(tmp_path / "km" / "slip.nc")["slip_mean"],
        open_slip(tmp_path / "degrees" / "slip.nc")["slip_mean"], atol=1e-4,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_without_a_traceback(files: Path, tmp_path: Path) -> None:
    arguments = command(files, tmp_path / "out", "--particles", 4000, "--set", "n_moves=50")
    process = subprocess.Popen(
        [sys.executable, "-m", "seisnb", *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    seen = [process.stderr.readline()]
    while "inverse temperature" not in seen[-1]:
        seen.append(process.stderr.readline())
        assert seen[-1], "".join(seen)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, rest = process.communicate(timeout=120)
    assert process.returncode == EXIT_CANCELLED, rest
    assert "Traceback" not in rest
    assert rest.strip().splitlines()[-1].startswith("seisnb: invert_slip: cancelled")
    assert time.monotonic() - begun < 60
    assert not list((tmp_path / "out").glob("*.nc"))
