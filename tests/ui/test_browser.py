import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CONFTEST = Path(__file__).parent / "conftest.py"


def _outcome(folder: Path, tests: str, environment: dict[str, str]) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, capture_output=True, env=environment, text=True).stdout


def test_a_page_without_an_error_is_let_through(page: "Page") -> None:
    page.set_content("<h1>quiet</h1><script>console.log('fine')</script>")
    assert page.inner_text("h1") == "quiet"


def test_an_error_of_a_page_fails_its_test(tmp_path: Path, browser: "Browser") -> None:
    del browser  # skipped where there is none
    scripts = ("throw new Error('planted 0')", "console.error('planted 1')")
    tests = [f'def test_{at}(page):\n    page.set_content("<script>{it}</script>")\n' for at, it in enumerate(scripts)]
    told = _outcome(tmp_path, "\n".join(tests), dict(os.environ))
    assert "thrown: planted 0" in told
    assert "logged: planted 1" in told
    assert "2 errors" in told


@pytest.mark.parametrize(("wish", "outcome"), [("required", "1 error"), ("", "1 skipped")])
def test_no_browser_is_told(wish: str, outcome: str, tmp_path: Path) -> None:
    told = _outcome(tmp_path, "def test_it(page):\n    pass\n", {"PATH": "", "NEWLLM_BROWSER": wish})
    assert outcome in told
    assert "no Chromium" in told
