"""Every reason for a cause is given by some run, in both languages, with every number that it has."""

import re
from pathlib import Path

import pytest
from tests.unit.diagnosis.cases import known
from tests.unit.diagnosis.test_cause_evidence import EVIDENCE
from tests.unit.diagnosis.test_cause_scores import SCORES

from newllm.diagnosis.causes import CAUSES, DIRECT_KINDS
from newllm.messages import Message, catalogue, message
from newllm.messages.catalogue import FOLDER
from newllm.words.labels import cause_label

EN, JA = catalogue("en"), catalogue("ja")


def reasons() -> dict[str, Message]:
    """Return a reason of each kind, by its name."""
    scores = [CAUSES[cause](known(**what)) for cause, what, _ in [*SCORES, *EVIDENCE]]
    return {one.reason.id: one.reason for one in scores if one.reason is not None} | {
        "because-seen": message("because-seen")
    }


FOUND = reasons()


def test_each_reason_is_given_by_some_case() -> None:
    assert set(FOUND) == {name for name in EN.names if name.startswith("because-")}


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_reason_says_all_its_parameters_in_both_languages(name: str) -> None:
    for words, lang in ((EN, "en"), (JA, "ja")):
        said = words.text(FOUND[name])
        assert said
        assert "{" not in said
        assert not said.endswith((".", "。"))  # it follows the name of a cause
        assert any("\u3040" <= letter <= "\u9fff" for letter in said) is (lang == "ja")
        assert set(FOUND[name].parameters) == _variables(FOLDER / lang / "causes.ftl", name)


def _variables(file: Path, name: str) -> set[str]:
    entry = re.search(rf"^{name} = .*\n(?:[ \*\[\}}].*\n)*", file.read_text("utf-8"), re.MULTILINE)
    assert entry is not None
    return set(re.findall(r"\$(\w+)", entry[0])) | ({"axis"} if "axis-unit" in entry[0] else set())


def test_each_cause_has_a_name_in_both_languages() -> None:
    for cause in {*CAUSES, *DIRECT_KINDS}:
        assert f"term-{cause}" in EN or cause == "beta2", cause
        assert cause_label(JA, cause) != cause
