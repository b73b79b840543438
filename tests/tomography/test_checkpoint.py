"""Runs that were killed go on; checkpoints of other runs are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from seisnb.conventions import CheckpointError, OutputError
from seisnb.tomography import Progress, invert
from tests.tomography.conftest import PRIOR, Line, config, make_line, same_result

REPOSITORY = Path(__file__).resolve().parents[2]

CHILD = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from seisnb.tomography import invert
    from tests.tomography.conftest import PRIOR, config, make_line

    def progress(message):
        if message.stage == "members":
            print(message.done, flush=True)
            time.sleep(0.05)

    invert(make_line(3).survey, PRIOR, config(n_members=400), progress=progress,
           checkpoint=Path(sys.argv[1]))
    """
)


def members(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of writing and contents of every finished member."""
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.glob("member_*.safetensors"))
    }


def resume(
    line: Line, folder: Path, n_members: int, *, recentre: bool = True
) -> tuple[xr.Dataset, int]:
    """The result, and how many members were there at the start."""
    told: list[Progress] = []
    settings = config(n_members=n_members, recentre=recentre)
    found = invert(line.survey, PRIOR, settings, progress=told.append, checkpoint=folder)
    return found, next(message.done for message in told if message.stage == "members")


def test_goes_on_after_kill_9_with_the_same_result(line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout
    for said in child.stdout:
        if int(said) >= 5:
            break
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    assert child.wait(timeout=30) == -signal.SIGKILL
    before = members(folder)
    n_kept = len(before)
    assert 5 <= n_kept < 100
    n_members = n_kept + 4
    found, n_known = resume(line, folder, n_members)
    assert n_known == n_kept
    after = members(folder)
    assert {name: after[name] for name in before} == before  # not written again
    assert len(after) == n_members
    alone = invert(line.survey, PRIOR, config(n_members=n_members))
    same_result(found, alone)


def test_half_written_files_are_not_members(line: Line, tmp_path: Path) -> None:
    """A kill in the middle of writing leaves a temporary file, which is no member."""
    first, _ = resume(line, tmp_path, 4)
    whole = tmp_path / "member_00002.safetensors"
    content = whole.read_bytes()
    whole.unlink()
    (tmp_path / ".member_00002.safetensors.tmp").write_bytes(content[:100])
    again, n_known = resume(line, tmp_path, 4)
    assert n_known == 3
    assert whole.read_bytes() == content
    same_result(again, first)


def test_more_members_add_to_those_on_disk(line: Line, tmp_path: Path) -> None:
    few, _ = resume(line, tmp_path, 3, recentre=False)
    more, n_known = resume(line, tmp_path, 6, recentre=False)
    assert n_known == 3
    xr.testing.assert_identical(more["velocity"].isel(particle=slice(0, 3)), few["velocity"])
    fewer, n_known = resume(line, tmp_path, 2, recentre=False)
    assert (n_known, fewer.sizes["particle"]) == (2, 2)


def test_refuses_the_checkpoint_of_another_survey(line: Line, tmp_path: Path) -> None:
    resume(line, tmp_path, 2)
    before = members(tmp_path)
    with pytest.raises(CheckpointError, match=r"another run: its survey is .*Delete the folder"):
        invert(make_line(4).survey, PRIOR, config(n_members=2), checkpoint=tmp_path)
    assert members(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, r"its tomography\.seed is 0, this run's is 1\."),
        ({"infer_sigma": True}, r"its tomography\.infer_sigma is False"),
        ({"cell": 0.05}, r"its tomography\.cell is 0\.1, this run's is 0\.05"),
    ],
)
def test_refuses_the_checkpoint_of_other_settings(
    line: Line, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    resume(line, tmp_path, 2)
    with pytest.raises(CheckpointError, match=f"another run: {said}"):
        invert(line.survey, PRIOR, config(n_members=2, **changes), checkpoint=tmp_path)


def test_refuses_another_survey_before_any_work(line: Line, tmp_path: Path) -> None:
    resume(line, tmp_path, 2)
    told: list[Progress] = []
    with pytest.raises(CheckpointError, match="its survey is"):
        invert(make_line(4).survey, progress=told.append, checkpoint=tmp_path)
    assert not told


def test_members_without_what_they_rest_on_are_refused(line: Line, tmp_path: Path) -> None:
    """Found anew elsewhere, the most probable model could be another one."""
    resume(line, tmp_path, 2)
    (tmp_path / "start.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"start\.safetensors cannot be read .* must go"):
        resume(line, tmp_path, 3)
    (tmp_path / "start.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is missing, on which the members beside it rest"):
        resume(line, tmp_path, 3)


def test_a_run_that_goes_on_takes_its_start_from_the_folder(line: Line, tmp_path: Path) -> None:
    """Neither the prior nor the most probable model is looked for again."""
    told: list[Progress] = []
    open_prior = replace(PRIOR, amplitude=None)
    first = invert(line.survey, open_prior, config(n_members=2), checkpoint=tmp_path)
    again = invert(
        line.survey, open_prior, config(n_members=2), checkpoint=tmp_path, progress=told.append
    )
    same_result(again, first)
    assert "as the checkpoint has them" in " ".join(each.message for each in told)
    assert not [each for each in told if "log evidence" in each.message]


def test_refuses_a_folder_that_cannot_be_made(line: Line, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        invert(line.survey, PRIOR, config(n_members=2), checkpoint=tmp_path / "file" / "folder")


def test_particles_that_talk_to_each_other_are_of_one_number(line: Line, tmp_path: Path) -> None:
    settings = {"engine": "svgd", "n_iterations": 2}
    first = invert(line.survey, PRIOR, config(n_members=3, **settings), checkpoint=tmp_path)
    again = invert(line.survey, PRIOR, config(n_members=3, **settings), checkpoint=tmp_path)
    same_result(again, first)
    (tmp_path / "member_00001.safetensors").unlink()
    third = invert(line.survey, PRIOR, config(n_members=3, **settings), checkpoint=tmp_path)
    same_result(third, first)
    with pytest.raises(CheckpointError, match=r"its tomography\.n_members is 3, this run's is 4"):
        invert(line.survey, PRIOR, config(n_members=4, **settings), checkpoint=tmp_path)
    (tmp_path / "swarm.safetensors").write_bytes(b"")
    (tmp_path / "member_00001.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"swarm\.safetensors cannot be read"):
        invert(line.survey, PRIOR, config(n_members=3, **settings), checkpoint=tmp_path)


def test_refuses_the_checkpoint_of_another_version(line: Line, tmp_path: Path) -> None:
    resume(line, tmp_path, 2)
    manifest = tmp_path / "manifest.json"
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**found, "version": "0.0.1"}))
    with pytest.raises(CheckpointError, match=r"its version is '0\.0\.1', this run's is"):
        resume(line, tmp_path, 2)


def test_refuses_a_manifest_or_a_member_that_is_damaged(line: Line, tmp_path: Path) -> None:
    resume(line, tmp_path, 2)
    member = tmp_path / "member_00001.safetensors"
    content = member.read_bytes()
    for damaged in (content[: len(content) // 2], b""):
        member.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"member_00001\.safetensors cannot be read"):
            resume(line, tmp_path, 2)
    member.write_bytes(content)
    manifest = tmp_path / "manifest.json"
    for text in ("{", "", "[1, 2]"):
        manifest.write_text(text)
        with pytest.raises(CheckpointError, match="manifest.json is not a JSON object"):
            resume(line, tmp_path, 2)
