"""A real browser for tests, pages of other origins to put the widget on, and axe to look at what comes out."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_SECONDS

WEB_TESTS = Path(__file__).resolve().parent / "web"

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

# Playwright switches the partitioning of storage off, which every browser has on; naming any other feature puts it back.
LIKE_EVERYBODY = "--disable-features=Translate"

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def launched(*more: str) -> Iterator[Any]:
    """Run the system's Chromium with further arguments."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install -y chromium (or set CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
        yield running
        running.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Run a browser for the session."""
    with launched(LIKE_EVERYBODY) as running:
        yield running


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe's script; it is installed once, from the lock file."""
    script = WEB_TESTS / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm: apt-get install -y npm, then npm ci in tests/web")
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=WEB_TESTS, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            pytest.skip(f"npm ci in tests/web failed: {done.stderr.strip().splitlines()[-1:]}")
    return script.read_text("utf-8")


def becomes(where: Any, expression: str) -> None:
    """Wait until something is true in a page or a frame.

    Not by `wait_for_function` of Playwright: it evaluates text in the page, and a policy like ours stops that, unless it is true at once.
    A page that is just being loaded anew is asked again.
    """
    from playwright.sync_api import Error

    def asked() -> bool:
        try:
            return bool(where.evaluate(f"Boolean({expression})"))
        except Error as error:
            if "context was destroyed" not in str(error):
                raise
            return False

    give_up = time.monotonic() + PATIENCE_SECONDS
    while not asked():
        assert time.monotonic() < give_up, expression
        where.wait_for_timeout(30)


def violations(where: Any, axe: str) -> list[str]:
    """Return what axe finds wrong with a page or a frame, in words."""
    where.evaluate(axe + ";0")
    found = where.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
    return [f"{one['id']}: {one['help']} {[node['html'][:120] for node in one['nodes']]}" for one in found["violations"]]


class HostPages:
    """A clinic's own website on another origin: `pages` maps paths to HTML, `headers` go with all of them."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        # Another host name than the server's, so that the browser takes it for another site and not only another origin.
        self.url = f"http://localhost:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, site: HostPages, *arguments: Any) -> None:
        self._site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        body = self._site.pages.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        for name, value in self._site.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def opened_shadows() -> str:
    """Return a script that opens closed shadow roots, so that tests can look inside."""
    return (
        "const attach = Element.prototype.attachShadow;"
        "Element.prototype.attachShadow = function (options) { return attach.call(this, { ...options, mode: 'open' }); };"
    )


def watched(page: Any, wrong: list[str]) -> Any:
    """Note every script error and everything that a content security policy stopped."""

    def hear(line: Any) -> None:
        # A broken connection is part of some tests; a policy violation or a failed script never is.
        if line.type == "error" and "Failed to load resource" not in line.text and "ERR_" not in line.text:
            wrong.append(line.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", hear)
    return page
