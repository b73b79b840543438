"""Start JupyterLab or Voila on loopback and drive them with Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Page, Request, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
AXE = REPOSITORY / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "seisnb-test"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Every canvas of the page, shadow roots included, and a cheap signature of its pixels.
PIXELS = """() => {
  const walk = (node, found) => {
    if (node.nodeType === 1 && node.tagName === "CANVAS") found.push(node);
    if (node.shadowRoot) walk(node.shadowRoot, found);
    for (const child of node.childNodes) walk(child, found);
    return found;
  };
  window.canvasesIn = (selector) => {
    const root = document.querySelector(selector);
    return root ? walk(root, []).filter((c) => c.width > 200 && c.height > 100) : [];
  };
  window.signatureOf = (canvas) => {
    // through a canvas of our own: a WebGL one has no pixels to ask for
    const probe = document.createElement("canvas");
    [probe.width, probe.height] = [canvas.width, canvas.height];
    const context = probe.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, probe.width, probe.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4)
      sum = (sum * 31 + data[i] * 3 + data[i + 1] * 5 + data[i + 2] * 7) >>> 0;
    return sum;
  };
  window.signaturesIn = (selector) => canvasesIn(selector).map(signatureOf);
}"""


def find_chromium() -> str | None:
    """Path of an installed Chromium."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextlib.contextmanager
def lab_server(
    root: Path,
    home: Path,
    *extra: str,
    programs: Path = Path(sys.executable).parent,
    launcher: Sequence[str | Path] = (),
) -> Iterator[str]:
    """A JupyterLab on a free port, with folders of its own; yields its address.

    ``programs`` is the folder that has it, by default this Python's; a ``launcher`` comes before it
    on its command line.
    """
    news = home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    port = _free_port()
    command = [
        *map(str, launcher),
        str(programs / "jupyter-lab"),
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *extra,
    ]
    with _serving(command, root, home, port, f"/api/status?token={TOKEN}") as base:
        yield base


@contextlib.contextmanager
def voila_server(notebook: Path, home: Path, *extra: str) -> Iterator[str]:
    """Voila on one notebook; yields its address."""
    port = _free_port()
    command = [
        str(Path(sys.executable).parent / "voila"),
        str(notebook),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        *extra,
    ]
    with _serving(command, notebook.parent, home, port, "/voila/static/voila.js") as base:
        yield base


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _serving(command: list[str], root: Path, home: Path, port: int, ready: str) -> Iterator[str]:
    """Run a server with folders of its own until the block ends; yields its address."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {**os.environ, **{name: str(home / sub) for name, sub in folders.items()}}
    environment["OMP_NUM_THREADS"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(REPOSITORY), environment.get("PYTHONPATH", "")]
    )
    base = f"http://127.0.0.1:{port}"
    with (home / "server.log").open("w+") as log:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_server(base + ready, process, home / "server.log")
            yield base
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await_server(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + 90
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextlib.contextmanager
def browser_page(chromium: str, width: int = 1500, height: int = 1000) -> Iterator[Page]:
    """A page that keeps its errors in ``page.errors`` and foreign requests in ``page.foreign``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS)
        )
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        _keep_books(page, [], [])
        try:
            yield page
        finally:
            browser.close()


def second_page(page: Page) -> Page:
    """Another tab of the same browser, with the same bookkeeping."""
    other = page.context.new_page()
    _keep_books(other, page.errors, page.foreign)
    return other


def _keep_books(page: Page, errors: list[str], foreign: list[str]) -> None:
    """Note the page's errors, and requests that leave the machine."""
    page.errors, page.foreign = errors, foreign
    page.on("pageerror", lambda error: errors.append(str(error)))
    own = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "file:")

    def on_request(request: Request) -> None:
        if not request.url.startswith(own):
            foreign.append(request.url)

    page.on("request", on_request)


def axe(page: Page, selector: str) -> list[str]:
    """Violations of accessibility rules under a selector, by axe-core: rule, impact, first node."""
    if not AXE.is_file():
        raise RuntimeError(f"{AXE} is missing: run make widgets (it installs axe-core by npm).")
    page.evaluate(AXE.read_text(encoding="utf-8") + "; undefined")
    found = page.evaluate(
        """async (selector) => {
          const { violations } = await axe.run(selector, { resultTypes: ["violations"] });
          return violations.map((v) =>
            `${v.id} (${v.impact}): ${v.nodes.length} x ${v.nodes[0].html.slice(0, 160)}`);
        }""",
        selector,
    )
    return list(found)


def open_notebook(page: Page, base: str, name: str) -> None:
    """Open a notebook in JupyterLab and wait for its kernel."""
    page.goto(f"{base}/lab/workspaces/test/tree/{name}?token={TOKEN}&reset", timeout=90_000)
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started", timeout=90_000)
    page.wait_for_selector(".jp-NotebookPanel", timeout=90_000)
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status
           === "idle" """,
        timeout=90_000,
    )
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.evaluate(PIXELS)


def run_all(page: Page, timeout: float = 120_000) -> None:
    """Run all cells, wait for the kernel to be idle; no cell may fail."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status
             === "idle" &&
           ![...document.querySelectorAll(".jp-InputPrompt")].some(p => p.textContent.includes("*"))
        """,
        timeout=timeout,
    )
    for failure in page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all():
        raise AssertionError(f"a cell wrote to stderr or failed:\n{failure.inner_text()}")


def signatures(page: Page, selector: str) -> list[int]:
    """Signatures of the pixels of all large canvases under a selector."""
    return page.evaluate("(selector) => signaturesIn(selector)", selector)


def await_new_pixels(page: Page, selector: str, before: list[int], timeout: float = 15_000) -> None:
    """Wait until a picture under a selector has changed."""
    page.wait_for_function(
        """([selector, before]) => {
          const now = signaturesIn(selector);
          return now.length > 0 && now.some((s) => !before.includes(s));
        }""",
        arg=[selector, before],
        timeout=timeout,
    )
