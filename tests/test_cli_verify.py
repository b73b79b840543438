"""``seisnb verify line``: a table, or one line that says what is wrong."""

from __future__ import annotations

import pytest

from seisnb import cli
from seisnb.verification.one_dimensional import one_dimensional_table, one_dimensional_test


def test_the_line_prints_the_table_of_the_test(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--engines", "rml,vsvgd", "--length", "0.2", "--particles", "8"]
    assert cli.main(["verify", "line", *options, "--iterations", "1", "--network", "1x8"]) == 0
    printed = capsys.readouterr().out.splitlines()
    alone = one_dimensional_table([one_dimensional_test("rml", length=0.2, n_particles=8)])
    n_scores = len(alone.splitlines()[1].split()) - 1  # the last is the time
    assert printed[1].split()[:n_scores] == alone.splitlines()[1].split()[:n_scores]
    assert printed[2].split()[:3] == ["vsvgd", "0.2", "8"]
    assert len(printed) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--network", "2-30"], "--network is '2-30'; expected layers x width"),
        (["--engines", "rml,best"], "engine is 'best'; expected one of ('vsvgd'"),
        (["--particles", "1"], "1 particles have no spread"),
        (["--length", "0"], "length is 0.0 km; expected at least"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["verify", "line", *options]) == cli.EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
