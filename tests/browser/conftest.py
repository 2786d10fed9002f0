"""JupyterLab without a window and Debian's Chromium to look at it, for all browser tests."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = {
    # every cell stays in the page, also outside the window
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


class JupyterLab:
    """A running server: ``root`` is its folder, :meth:`url` the address of a notebook in it."""

    def __init__(self, root, port, token):
        self.root = root
        self.port = port
        self.token = token

    def url(self, notebook):
        """Address of a notebook as a single document, without side bars."""
        return f"http://127.0.0.1:{self.port}/doc/tree/{notebook}?token={self.token}"

    def place(self, notebook, **parameters):
        """Copy a notebook of the project into the server's folder, with other parameters."""
        content = nbformat.read(notebook, as_version=4)
        cell = next(c for c in content.cells if "parameters" in c.metadata.get("tags", ()))
        for name, value in parameters.items():
            lines = cell.source.splitlines()
            assert any(line.startswith(f"{name} = ") for line in lines), name
            kept = [line for line in lines if not line.startswith(f"{name} = ")]
            cell.source = "\n".join([*kept, f"{name} = {value!r}"])
        nbformat.write(content, self.root / notebook.name)
        return self.url(notebook.name)


@pytest.fixture(scope="session")
def chromium():
    """Path of Chromium, or skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium here: `make test-browser` installs it")
    return path


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory, chromium):
    """A JupyterLab server in a folder of its own, with settings of its own."""
    home = tmp_path_factory.mktemp("jupyter")
    root = home / "notebooks"
    root.mkdir()
    for name, settings in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(home / name.lower()) for name in folders}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    log = (home / "server.log").open("w")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
            *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
            f"--ServerApp.root_dir={root}",
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, home / "server.log")
        yield JupyterLab(root, port, token)
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _wait_for(url, server, log, *, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                break
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def browser(chromium):
    """Chromium driven by Playwright; its profile is a new, empty folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS)
        )
        yield running
        running.close()


@pytest.fixture
def page(browser):
    """A page 1280 px wide; an uncaught error in it fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(300_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors


@pytest.fixture
def run_notebook(page):
    """Function that opens a notebook, runs all its cells and waits for the last one."""

    def run(url, *, wait_for):
        page.goto(url)
        page.locator(".jp-NotebookPanel-notebook .jp-CodeCell").first.wait_for()
        # the notebook's own indicator says idle before there is a kernel, the status bar does not
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("[data-command='runmenu:run-all']").click()
        error = "[data-mime-type='application/vnd.jupyter.error']"
        page.wait_for_selector(f"{wait_for}, {error}", timeout=900_000)
        failed = page.locator(error)
        assert failed.count() == 0, failed.first.inner_text()

    return run
