"""What whoever wrote a study says of its claims and arms, in the page's language where printed.json has it."""

from collections.abc import Mapping

from newllm.messages import Catalogue
from newllm.report.markup import Html, english, safe
from newllm.report.source.study import StudySource
from newllm.words.plain import plain

_LONG = 2000


def study_text(study: StudySource, words: Catalogue, text: object, in_english: object = None) -> Html:
    """Return a text in the page's language, else as English that is marked so.

    Args:
        study: whose printed.json may translate it: `{"ja": {"said": {text: translation}}}`.
        words: of the page.
        text: as it stands in results.json.
        in_english: what stands for it in English; None for the text itself.
    """
    found = study.printed.get(words.lang)
    said = found.get("said") if isinstance(found, Mapping) else None
    translated = said.get(str(text)) if isinstance(said, Mapping) and words.lang != "en" else None
    if isinstance(translated, str):
        return safe(plain(translated, _LONG))
    return english(words, text if in_english is None else in_english)
