"""Writes the data of the tasks beside this file again: `python -m newllm.integrations.lm_eval.tasks.generate`.

mqar.jsonl is multi-query associative recall (Arora et al. 2023, arXiv:2312.04927) in letters and digits, blimp.jsonl
are pairs of sentences in the format of BLiMP (Warstadt et al. 2020, arXiv:1912.00582), made of a few words of our own.
"""

import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEED = 20
SEQUENCES, PAIRS, QUERIES = 50, 8, 4
_NOUNS = ("whale", "sailor", "ship", "captain", "boat", "island", "storm", "letter")
_VERBS = (("sinks", "sink"), ("returns", "return"), ("waits", "wait"), ("arrives", "arrive"), ("moves", "move"))
_DETERMINERS = (("this", "these"), ("that", "those"))


def files(seed: int) -> dict[str, str]:
    """Return the files' content by their names."""
    rows = {"mqar.jsonl": _recall(random.Random(seed)), "blimp.jsonl": _agreement()}
    return {name: "".join(json.dumps(row) + "\n" for row in content) for name, content in rows.items()}


def _recall(chance: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(SEQUENCES):
        keys = chance.sample(string.ascii_lowercase, PAIRS)
        yield {"pairs": [[key, str(chance.randrange(10))] for key in keys], "queries": chance.sample(keys, QUERIES)}


def _agreement() -> Iterator[dict[str, str]]:
    for noun in _NOUNS:
        for verb, plain in _VERBS:
            yield _pair("subject_verb_agreement", f"The {noun} {verb}.", f"The {noun} {plain}.")
            yield _pair("subject_verb_agreement", f"The {noun}s {plain}.", f"The {noun}s {verb}.")
        for one, many in _DETERMINERS:
            yield _pair("determiner_noun_agreement", f"He saw {one} {noun}.", f"He saw {many} {noun}.")
            yield _pair("determiner_noun_agreement", f"He saw {many} {noun}s.", f"He saw {one} {noun}s.")


def _pair(kind: str, good: str, bad: str) -> dict[str, str]:
    return {"sentence_good": good, "sentence_bad": bad, "UID": kind}


if __name__ == "__main__":
    for name, content in files(SEED).items():
        (Path(__file__).parent / name).write_text(content)
