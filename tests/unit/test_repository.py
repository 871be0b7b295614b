"""What stands at the top of the repository for others to read: how to cite, what to say of a mistake."""

import re
from pathlib import Path

import pytest

from newllm.cli.main import COMMANDS
from newllm.version import VERSION

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [VERSION]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_what_a_form_asks_to_type_is_a_command(form: Path) -> None:
    typed = re.findall(r"`newllm (\S+?)[ `]", form.read_text(encoding="utf-8"))
    assert form.stem == "config" or "--version" in typed
    assert {word for word in typed if not word.startswith("-")} <= set(COMMANDS)
