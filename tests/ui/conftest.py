"""A real browser for the tests of pages: Chromium through Playwright.

Found by the environment's NEWLLM_CHROMIUM (a path) or on PATH; without one the tests are skipped, and the reason told.
With NEWLLM_BROWSER=required they fail instead, so that nobody takes skipped tests for passed ones. A test whose page
logs an error, throws one, or breaks its own Content-Security-Policy fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage")
_SLOW = 60_000  # milliseconds that a page may take on a busy machine

OpenPage = Callable[..., "Page"]
"""`open_page(**options)`: a page of a browser context with these options (color_scheme, viewport, offline ...).

`expected` are parts of what may be logged: answers that the test itself brings about.
"""


def pytest_itemcollected(item: pytest.Item) -> None:
    """All that needs a browser is slow."""
    item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, started once. It ends with this package: while it runs, nobody in this process can `asyncio.run`."""
    chromium = os.environ.get("NEWLLM_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        _without("no Chromium: put it on PATH or name it in NEWLLM_CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without("no Playwright for Python: pip install playwright")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*_ARGUMENTS])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open pages; afterwards none of them may have had an error."""
    errors: list[str] = []
    with ExitStack() as contexts:

        def opened(*, expected: tuple[str, ...] = (), **options: Any) -> Page:
            context = browser.new_context(**options)
            contexts.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(_SLOW)
            page.on("pageerror", lambda error: errors.append(f"thrown: {error}"))
            page.on("console", lambda message: errors.extend(_error(message, expected)))
            return page

        yield opened
        assert not errors, "\n".join(errors)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page as a desktop shows it."""
    return open_page(viewport={"width": 1280, "height": 900})


def _error(message: ConsoleMessage, expected: tuple[str, ...]) -> list[str]:
    if message.type != "error" or any(part in message.text for part in expected):
        return []
    return [f"logged: {message.text} at {message.location}"]


def _without(reason: str) -> NoReturn:
    if os.environ.get("NEWLLM_BROWSER") == "required":
        pytest.fail(f"NEWLLM_BROWSER=required, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """`violations(page)`: what axe-core finds on a page as it stands, a line each."""
    return _violations


def _violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}: {' '.join(node['failureSummary'].split())[:300]}"
        for one in found
        for node in one["nodes"]
    ]
