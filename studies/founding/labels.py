"""The words of the founding study's page and data beside its templates: labels.en.toml, labels.ja.toml."""

import functools
import tomllib
from pathlib import Path
from types import SimpleNamespace

from .arms import ARMS
from .claims import CLAIMS


class Labels(SimpleNamespace):
    """The tables and values of one file by name; a table is a dictionary."""


@functools.cache
def labels(language: str) -> Labels:
    """Return the labels of a language. What the study says itself, it says in English."""
    own = {
        "claim_texts": {claim.id: claim.text for claim in CLAIMS},
        "claim_measures": {claim.id: claim.measure for claim in CLAIMS},
        "arm_claims": {arm.name: arm.claim for arm in ARMS},
    }
    return Labels(**own | tomllib.loads((Path(__file__).parent / f"labels.{language}.toml").read_text("utf-8")))
