from __future__ import annotations

import functools
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pooch
import pytest

from seisnb import datasets
from seisnb.conventions import FileFormatError, InputError, SeisnbError

#: Points, shots, picks and pick errors as the source's own descriptions give them.
CONTENTS = {
    "koenigsee": (63, 15, 714),
    "schilthorn": (52, 25, 595),
    "refrapy_01": (29, 5, 120),
    "refrapy_02": (57, 9, 207),
}


@pytest.fixture
def local(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, named by the environment variable."""
    monkeypatch.setenv(datasets.DATA_VARIABLE, str(data_folder))
    return data_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder and no data folder."""
    monkeypatch.delenv(datasets.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def server(data_folder: Path) -> Iterator[str]:
    """A web server on this machine that serves the data folder; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(data_folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_names_are_those_promised() -> None:
    assert datasets.names() == tuple(CONTENTS)


@pytest.mark.parametrize("name", CONTENTS)
def test_load_gives_the_described_line(local: Path, name: str) -> None:
    entry = datasets.entry(name)
    survey = datasets.load(name, pick_std=entry.suggested_pick_std)
    n_points, n_shots, n_picks = CONTENTS[name]
    assert survey.sizes == {"pick": n_picks, "profile": n_points}
    assert np.unique(survey["shot"]).size == n_shots
    assert survey.attrs["source"] == entry.url
    assert survey.attrs["licence"] == entry.licence
    assert survey.attrs["title"] == entry.title
    assert survey.attrs["checksum"] == entry.sha256
    assert datasets.fetch(name).is_relative_to(local)


@pytest.mark.parametrize("name", CONTENTS)
def test_source_is_a_fixed_revision(name: str) -> None:
    parts = urlsplit(datasets.entry(name).url)
    assert (parts.scheme, parts.netloc) == ("https", "raw.githubusercontent.com")
    _, _, _, revision, *path = parts.path.split("/")
    assert re.fullmatch("[0-9a-f]{40}", revision)
    assert path[-1] == Path(datasets.entry(name).path).name
    assert " " not in parts.path


@pytest.mark.parametrize("name", ["koenigsee", "refrapy_01", "refrapy_02"])
def test_without_pick_std_refused_with_a_suggestion(local: Path, name: str) -> None:
    suggested = datasets.entry(name).suggested_pick_std
    with pytest.raises(InputError, match="no pick errors, and none are assumed") as caught:
        datasets.load(name)
    assert repr(suggested) in str(caught.value)


def test_schilthorn_keeps_its_errors_and_says_so(local: Path) -> None:
    survey = datasets.load("schilthorn")
    assert set(survey["pick_std"].values) == {0.005}
    assert "perhaps a placeholder" in survey.attrs["notes"]


def test_options_reach_the_reader(local: Path) -> None:
    survey = datasets.load("koenigsee", pick_std=0.001, title="mine")
    assert survey.attrs["title"] == "mine"


def test_unknown_names_list_the_known(local: Path) -> None:
    with pytest.raises(
        InputError, match="there is no 'konigsee'; expected one of koenigsee, schil"
    ):
        datasets.load("konigsee", pick_std=0.001)


def test_missing_file_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(datasets.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(
        InputError, match="there is no 'koenigsee/koenigsee.sgt' in it. Put the file"
    ):
        datasets.fetch("koenigsee")


def test_changed_file_in_the_folder(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(datasets.DATA_VARIABLE, str(tmp_path))
    path = tmp_path / datasets.entry("koenigsee").path
    path.parent.mkdir()
    path.write_bytes((data_folder / "koenigsee/koenigsee.sgt").read_bytes().replace(b"714", b"713"))
    with pytest.raises(FileFormatError, match="has SHA-256 .*, expected cf8f6c8c.*: it is not the"):
        datasets.fetch("koenigsee")


def test_download_once_into_the_cache(
    cache: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = datasets.entry("schilthorn")
    near = replace(entry, url=f"{server}/{entry.path}")
    monkeypatch.setattr(datasets, "REGISTRY", {"schilthorn": near})
    path = datasets.fetch("schilthorn")
    assert path.parent == cache
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    first = path.stat().st_mtime_ns
    assert datasets.fetch("schilthorn") == path
    assert path.stat().st_mtime_ns == first
    path.write_text("damaged")
    assert hashlib.sha256(datasets.fetch("schilthorn").read_bytes()).hexdigest() == entry.sha256


@pytest.mark.parametrize("path", ["none.sgt", "refrapy_fields/field_example_01.sgt"])
def test_failed_download_names_the_way_out(
    cache: Path, server: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    far = replace(datasets.entry("koenigsee"), url=f"{server}/{path}")
    monkeypatch.setattr(datasets, "REGISTRY", {"koenigsee": far})
    with pytest.raises(SeisnbError, match="'koenigsee' could not be downloaded .* SEISNB_DATA"):
        datasets.fetch("koenigsee")
    assert [file for file in cache.rglob("*") if file.is_file()] == []
