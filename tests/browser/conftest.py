"""JupyterLab, Voila, Chromium, and a page that must stay free of errors and of foreign requests."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboards"))
sys.path.insert(0, str(Path(__file__).parent))
import labkit


@pytest.fixture(scope="session")
def chromium():
    path = labkit.find_chromium()
    if path is None:
        pytest.fail("no Chromium for the browser tests: apt-get install -y chromium", pytrace=False)
    return path


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory):
    """A folder of notebooks, served by the lab."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session", params=["/", "/user/demo/"], ids=["local", "behind-prefix"])
def lab(request, notebooks, tmp_path_factory, chromium):
    home = tmp_path_factory.mktemp("jupyter")
    option = f"--ServerApp.base_url={request.param}"
    with labkit.lab_server(notebooks, home, option) as base:
        yield base + request.param.rstrip("/")


@pytest.fixture(scope="session")
def plain_lab(notebooks, tmp_path_factory, chromium):
    """A lab at the root, for what does not depend on the address."""
    with labkit.lab_server(notebooks, tmp_path_factory.mktemp("jupyter")) as base:
        yield base


@pytest.fixture
def page(request, chromium):
    with labkit.browser_page(chromium) as page:
        yield page
        if folder := os.environ.get("SEISNB_SCREENSHOTS"):
            name = "".join(c if c.isalnum() else "_" for c in request.node.name)
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{request.path.stem}_{name}.png")
        assert page.errors == []
        assert page.foreign == []
