"""Which pages the site has, in their order, and under which heading: names of docs/NAME.md and docs/NAME.ja.md."""

from typing import NamedTuple


class Part(NamedTuple):
    """A heading of the site's list, with its pages.

    Attributes:
        titles: the heading by language.
        pages: names, in their order; those of GENERATED are made by reference.py.
    """

    titles: dict[str, str]
    pages: tuple[str, ...]


LANGUAGES = {"en": "English", "ja": "日本語"}
GENERATED = ("commands", "names", "api")
PARTS = (
    Part({"en": "Begin", "ja": "はじめに"}, ("tutorial", "install", "limits")),
    Part(
        {"en": "How to", "ja": "使い方"},
        (
            "check", "python", "bisect", "replay-loops", "integrations", "runs", "reports", "guard", "training",
            "transformers", "studies", "machines", "serving", "agents",
        ),
    ),
    Part(
        {"en": "How it works", "ja": "仕組み"},
        (
            "doctor", "doctor-measured", "replay", "replay-method", "replay-measured", "models", "recall",
            "reproducibility", "faults", "performance", "founding",
        ),
    ),
    Part(
        {"en": "Reference", "ja": "リファレンス"},
        (
            "commands", "api", "names", "findings", "causes", "interventions", "settings", "signals", "glossary",
        ),
    ),
)  # fmt: skip
ELSEWHERE = {"founding": "studies/founding/README"}
"""Pages that lie in another folder than docs/."""

RECORDS = ("LOG", "tests")
"""Pages of docs/ that are no part of the site: what was measured and when, kept in English for who works on newllm."""
