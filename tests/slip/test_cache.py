"""Kernels on disk: the same numbers come back, or none; whatever befalls the files."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

from seisnb.conventions import InputError, OutputError
from seisnb.slip import (
    KernelCache,
    SlipConfig,
    Structure,
    invert_slip,
    memory_needed,
    perturbed_structures,
    problem,
    structure_ensemble,
    triangle_fault,
)
from seisnb.slip import cache as module
from seisnb.slip import structures as structures_module
from seisnb.slip.cache import check_memory, kernel_key, memory_available
from seisnb.slip.synthetic import example_thrust
from tests.slip.truths import line_offsets, line_sites, thrust

KEY, OTHER = "ab" * 32, "cd" * 32


def array_of(size, value):
    return np.full((size, 3), float(value))


@pytest.fixture
def cache(tmp_path):
    return KernelCache(tmp_path / "kernels")


def test_what_is_put_comes_back_bit_for_bit(cache):
    values = np.random.default_rng(0).standard_normal((5, 3, 7, 2))
    assert cache.get(KEY) is None
    cache.put(KEY, values)
    assert_array_equal(cache.get(KEY, (5, 3, 7, 2)), values)
    assert_array_equal(KernelCache(cache.folder).get(KEY), values)
    assert cache.get(OTHER) is None
    assert cache.notes == []
    assert_array_equal(np.load(cache.folder / f"{KEY}.npy", allow_pickle=False), values)


def damaged(content):
    half = len(content) // 2
    yield "cut short", content[:half]
    yield "empty", b""
    yield "a bit flipped", content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    yield "no array", b"x" * len(content)
    yield "a pickle", pickle.dumps(np.arange(3))


@pytest.mark.parametrize("which", range(5))
def test_a_damaged_file_counts_as_absent_with_a_note(cache, which):
    cache.put(KEY, array_of(50, 2.0))
    file = cache.folder / f"{KEY}.npy"
    _, content = list(damaged(file.read_bytes()))[which]
    file.write_bytes(content)
    assert cache.get(KEY) is None
    assert cache.notes == [f"kernel cache: {KEY}.npy is damaged: removed, and computed anew"]
    assert not file.exists()


def test_an_object_array_is_never_unpickled(cache):
    stream = cache.folder / f"{KEY}.npy"
    with stream.open("wb") as file:
        np.lib.format.write_array(file, np.array([print], object), allow_pickle=True)
    content = stream.read_bytes()
    stream.write_bytes(content + module._digest(KEY, content))  # the checksum agrees
    assert cache.get(KEY) is None


def test_another_keys_file_or_another_shape_is_not_taken(cache):
    cache.put(KEY, array_of(4, 1.0))
    (cache.folder / f"{OTHER}.npy").write_bytes((cache.folder / f"{KEY}.npy").read_bytes())
    assert cache.get(OTHER) is None
    assert cache.get(KEY, (5, 3)) is None


def test_what_was_used_longest_ago_goes_first(tmp_path):
    cache = KernelCache(tmp_path, limit_gib=3.5 * 8000 / 2**30)
    keys = [f"{k:064x}" for k in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.put(key, np.zeros(950))
        os.utime(tmp_path / f"{key}.npy", (1000.0 + age, 1000.0 + age))
    assert cache.get(keys[0]) is not None  # used just now
    cache.put(keys[3], np.zeros(950))
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]
    cache.put("ee", np.zeros(9000))
    assert cache.get("ee") is None
    assert "more than the cache's limit: not kept" in cache.notes[-1]


WRITER = """
import sys
import numpy as np
from seisnb.slip import KernelCache
cache = KernelCache(sys.argv[1], float(sys.argv[2]))
print("ready", flush=True)
rng = np.random.default_rng(int(sys.argv[3]))
for _ in range(int(sys.argv[4])):
    k = int(rng.integers(6))
    found = cache.get(f"{k:02x}" * 32, (300000,))
    assert found is None or (found == k).all(), k
    cache.put(f"{k:02x}" * 32, np.full(300000, float(k)))
assert cache.notes == [], cache.notes
"""


def writer(folder, *, limit=1.0, seed=0, n=40):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(limit), str(seed), str(n)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_writer_killed_in_the_middle_leaves_whole_files_or_none(tmp_path):
    for delay in (0.0, 0.02, 0.05, 0.11):
        process = writer(tmp_path, n=100000)
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        cache = KernelCache(tmp_path)
        for k in range(6):
            found = cache.get(f"{k:02x}" * 32)
            assert found is None or (found == k).all()
        assert cache.notes == []
    part = tmp_path / f".{KEY}.npy.1-00.part"
    part.write_bytes(b"left by a killed writer")
    KernelCache(tmp_path)
    assert part.exists()  # it may be at work
    os.utime(part, (1000.0, 1000.0))
    KernelCache(tmp_path)
    assert not part.exists()


@pytest.mark.slow
def test_two_processes_share_a_folder_that_is_too_small_for_both(tmp_path):
    both = [writer(tmp_path, limit=4 * 2.4e6 / 2**30, seed=seed) for seed in (1, 2)]
    for process in both:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error


def test_an_inversion_computes_each_kernel_once(cache, monkeypatch):
    ensemble = structure_ensemble([thrust(12.0), thrust(16.0)])
    config = SlipConfig(positive=False, slip_std=1.0, n_samples=20)
    offsets = line_offsets(0.01 * np.ones((line_sites().size, 3)), 0.01)
    calls = []
    whole = structures_module.displacements

    def counted(*args):
        calls.append(args)
        return whole(*args)

    monkeypatch.setattr(structures_module, "displacements", counted)
    plain = invert_slip(offsets, ensemble, config)
    first = invert_slip(offsets, ensemble, config, cache=cache)
    assert len(calls) == 4
    free = SlipConfig(positive=False, slip_std=1.0, n_samples=20, rake_mode="free")
    invert_slip(offsets, ensemble, free, cache=cache)
    again = invert_slip(offsets, ensemble, config, cache=cache)
    assert len(calls) == 4
    for each in (first, again):
        xr.testing.assert_identical(each.drop_attrs(), plain.drop_attrs())
    file = next(cache.folder.glob("*.npy"))
    file.write_bytes(file.read_bytes()[:-1])
    mended = invert_slip(offsets, ensemble, config, cache=cache)
    assert len(calls) == 5
    xr.testing.assert_identical(mended.drop_attrs(), plain.drop_attrs())
    assert any("is damaged" in note for note in json.loads(mended.attrs["notes"]))


def test_keys_differ_by_structure_and_by_sites():
    x, y = np.arange(3.0), np.zeros(3)
    one = kernel_key(thrust(12.0).checksum, x, y)
    assert one == kernel_key(thrust(12.0).checksum, x.copy(), y.astype(np.float32))
    others = {
        kernel_key(thrust(12.5).checksum, x, y), kernel_key(thrust(12.0).checksum, y, x),
        kernel_key(thrust(12.0).checksum, x + 1e-9, y),
    }  # fmt: skip
    assert len({one} | others) == 4


def test_memory_is_asked_for_before_the_work(monkeypatch):
    assert memory_needed(2, 10, 2**30 // 8) == pytest.approx(3 * 20)
    assert 0 < memory_available() < 1e5
    check_memory(1, 10, 10)
    monkeypatch.setattr(module, "memory_available", lambda: 1.5)
    with pytest.raises(InputError, match="need 6.7 GiB; 1.5 GiB are available. Use fewer struct"):
        check_memory(1000, 300, 1000)


def plane(n_down: int, n_along: int) -> Structure:
    """A dipping plane of 2 ``n_down`` ``n_along`` triangles."""
    down, along = np.meshgrid(
        np.linspace(0, 80, n_down + 1), np.linspace(-60, 60, n_along + 1), indexing="ij"
    )
    x, z = down * np.cos(0.25), 5.0 + down * np.sin(0.25)
    corner = (np.arange(n_down)[:, None] * (n_along + 1) + np.arange(n_along)).ravel()
    beside, below = corner + 1, corner + n_along + 1
    triangles = [np.column_stack([corner, below, beside]),
                 np.column_stack([beside, below, below + 1])]  # fmt: skip
    vertices = np.column_stack([x.ravel(), along.ravel(), z.ravel()])
    return Structure(
        fault=triangle_fault(vertices, np.concatenate(triangles)), shear_modulus=3e10, name="plane"
    )


@pytest.mark.parametrize("is_positive", [False, True])
@pytest.mark.parametrize("smoothing", ["none", "gaussian_process", "laplacian"])
def test_what_is_asked_for_is_what_is_taken(is_positive, smoothing, monkeypatch):
    """Traced, on 720 patches: no more, and not much less."""
    offsets, _, _ = example_thrust(n_sites=20)
    structures = perturbed_structures(plane(18, 20), 6, dip_std=2.0)
    config = SlipConfig(
        positive=is_positive, smoothing=smoothing, n_particles=20, n_moves=1, n_samples=10,
        single_model=False, n_workers=1,
    )  # fmt: skip
    asked = []

    def noted(*sizes, **held):
        asked.append(memory_needed(*sizes, **held))
        check_memory(*sizes, **held)

    monkeypatch.setattr(problem, "check_memory", noted)
    few = perturbed_structures(plane(2, 3), 3, dip_std=2.0)
    invert_slip(offsets, few, config)  # compiled code takes memory of its own
    tracemalloc.start()
    try:
        invert_slip(offsets, structures, config)
        peak = tracemalloc.get_traced_memory()[1] / 2**30
    finally:
        tracemalloc.stop()
    assert 0.4 * asked[-1] < peak < asked[-1] + 2e-3


def test_keys_folders_and_limits_that_cannot_be(tmp_path, cache):
    for key in ("", "../../etc", "xyz"):
        with pytest.raises(InputError, match="expected hexadecimal digits"):
            cache.get(key)
    with pytest.raises(InputError, match="limit_gib is 0; expected a size above 0"):
        KernelCache(tmp_path, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write there"):
        KernelCache(tmp_path / "file")


def test_a_full_disk_costs_a_note_and_no_result(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    cache.put(KEY, array_of(5, 1.0))
    assert "No space left on device" in cache.notes[0]
    assert cache.get(KEY) is None
