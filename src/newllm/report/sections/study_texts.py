"""What whoever wrote a study says of its claims, arms and tables, in the page's language where the study has it."""

from newllm.messages import Catalogue
from newllm.report.markup import Html, english, safe
from newllm.report.source.study import StudySource
from newllm.words.plain import plain
from newllm.words.studies import translated

_LONG = 2000


def study_text(study: StudySource, words: Catalogue, text: object, in_english: object = None) -> Html:
    """Return a text in the page's language, else as English that is marked so.

    Args:
        study: whose translations may have it.
        words: of the page.
        text: as it stands in results.json.
        in_english: what stands for it in English; None for the text itself.
    """
    known = translated(study.translations, words, text)
    if known is not None:
        return safe(plain(known, _LONG))
    return english(words, text if in_english is None else in_english)
