"""The sentences of the founding study: the packaged sets, or a person's own, and their variants.

""                  as packaged, split as the document splits
"validation-known"  the words of the validation that training does not know are left out
"124", "500"        the training part with 100 or 476 further sentences, the validation as it is
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from newllm.data import DataConfig, read_documents, split_documents
from newllm.data.sources import SENTENCE_SETS
from newllm.errors import UserError
from newllm.files import write_bytes

SETS = tuple(f"bundled:{name}" for name in SENTENCE_SETS)
_MORE = {"124": 100, "500": 476}


def lay_out(folder: Path, name: str, variant: str) -> Sequence[str]:
    """Write the texts of one set in one variant; return the settings that read them.

    Args:
        folder: where to write.
        name: a text of one sentence a line, as `newllm train` takes it.
        variant: see the module.

    Raises:
        UserError: the text cannot be read, or has fewer than 5 sentences.
    """
    if not variant:
        return [f"data.texts={json.dumps([name])}"]
    training, validation = _sentences(name)
    if variant in _MORE:
        further = read_documents(["bundled:sentences-more"])[0].text.decode().split("\n")
        training += [line for line in further if line.strip()][: _MORE[variant]]
    elif variant == "validation-known":
        known = {word for sentence in training for word in sentence.lower().split()}
        kept = [" ".join(word for word in sentence.split() if word.lower() in known) for sentence in validation]
        validation = [sentence for sentence in kept if sentence]
        if not validation:
            raise UserError(f"'{name}': training knows no word of its validation sentences: give more sentences")
    else:
        raise ValueError(f"no variant {variant!r}")
    digest = hashlib.sha256("\n".join([*training, *validation]).encode()).hexdigest()[:8]
    stem = f"{Path(name.removeprefix('bundled:')).stem}-{variant}-{digest}"  # two texts may share a name
    places = {"texts": folder / f"{stem}-train.txt", "validation": folder / f"{stem}-validation.txt"}
    for place, sentences in zip(places.values(), (training, validation), strict=True):
        write_bytes(place, ("\n".join(sentences) + "\n").encode())
    return [f"data.{field}={json.dumps([str(place)])}" for field, place in places.items()]


def _sentences(name: str) -> tuple[list[str], list[str]]:
    """Return the training and the validation sentences of a set, as the document's split gives them."""
    split = split_documents(read_documents([name]), [], DataConfig(texts=(name,), format="sentences"), words=True)
    parts = [[piece.text.decode() for block in part for piece in block] for part in (split.train, split.validation)]
    return parts[0], parts[1]
