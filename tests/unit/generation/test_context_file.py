import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from newllm.errors import UserError
from newllm.generation import Sampling, check_writable, fingerprint, load_context, save_context
from newllm.generation.fingerprint import digest
from newllm.model.bodies import BODIES
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

TEXT = "Grüße, 🐋! "
SHAPES = [
    *(pytest.param({"body": body}, id=body) for body in BODIES),
    pytest.param({"body": "stack", "ngram_rows": 7}, id="n-grams"),
    pytest.param({"body": "stack", "ngram_rows": 7, "ngram_longest": 2}, id="pairs"),
    pytest.param({"body": "stack", "rule": "delta"}, id="matrices"),
    pytest.param({"body": "stack", "rule": "gated,kda", "context": 32, "head_width": 16}, id="matrices between"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "context.safetensors"


@pytest.fixture(scope="module")
def engine(make_engine):
    return make_engine(body="stack")


@pytest.fixture
def saved(engine, path):
    save_context(path, engine.read(engine.start(), TEXT), fingerprint(engine.model))
    return path


def refusal(path, engine) -> str:
    with pytest.raises(UserError) as told:
        load_context(path, engine.model, fingerprint(engine.model))
    message = str(told.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("tokenizer", ["bytes", "word"])
@pytest.mark.parametrize("shape", SHAPES)
def test_ten_tokens_a_file_and_ten_more_are_twenty(make_engine, path, shape, tokenizer):
    engine = make_engine(tokenizer, **shape)
    engine.model.head.bias.data[engine.vocabulary.end] = -100.0
    sampling = Sampling(1.0, repetition_penalty=1.2)
    start = engine.read(engine.start(), "the cat 🐋")
    whole = engine.stream(start, 20, sampling, seed=7)
    first = engine.stream(start, 10, sampling, seed=7)
    text = first.result().text
    save_context(path, first.memory, fingerprint(engine.model))

    again = make_engine(tokenizer, **shape)  # as another process would: the same weights, nothing else
    again.model.head.bias.data[engine.vocabulary.end] = -100.0
    second = again.stream(load_context(path, again.model, fingerprint(again.model)), 10, sampling, seed=7)
    assert text + second.result().text == whole.result().text
    assert first.ids + second.ids == whole.ids
    assert len(whole.ids) == 20
    assert torch.equal(second.memory.logits_V, whole.memory.logits_V)
    assert all(torch.equal(value, second.memory.state[name]) for name, value in whole.memory.state.items())


@pytest.mark.parametrize("shape", SHAPES)
def test_everything_comes_back_bit_for_bit(make_engine, path, shape):
    engine = make_engine(**shape)
    first = engine.stream(engine.read(engine.start(), TEXT), 5, Sampling(1.0))
    first.result()
    save_context(path, first.memory, fingerprint(engine.model))
    back = load_context(path, engine.model, fingerprint(engine.model))
    assert (back.tokens_read, back.recent) == (first.memory.tokens_read, first.memory.recent)
    assert back.undecoded == first.memory.undecoded
    assert torch.equal(back.logits_V, first.memory.logits_V)
    assert back.state.keys() == first.memory.state.keys()
    assert all(torch.equal(value, back.state[name]) for name, value in first.memory.state.items())


def test_a_fresh_memory_and_half_a_character_are_kept(engine, path):
    memory = dataclasses.replace(engine.start(), undecoded=b"\xf0\x9f\x90")
    save_context(path, memory, fingerprint(engine.model))
    assert load_context(path, engine.model, fingerprint(engine.model)).undecoded == b"\xf0\x9f\x90"


def test_its_tensors_begin_where_every_reader_may_map_them(engine, tmp_path) -> None:
    for length in range(8):  # of what was read: it stands in the header
        save_context(path := tmp_path / f"{length}.ctx", engine.read(engine.start(), "a" * length), "f" * (9 + length))
        content = path.read_bytes()
        header = int.from_bytes(content[:8], "little")
        assert header % 8 == 0
        assert content[8 : 8 + header].rstrip(b" ").endswith(b"}")


def test_what_stood_there_is_replaced_and_nothing_else_is_left(engine, saved):
    save_context(saved, engine.start(), fingerprint(engine.model))
    assert load_context(saved, engine.model, fingerprint(engine.model)).tokens_read == 1
    assert list(saved.parent.iterdir()) == [saved]


def test_the_same_memory_is_the_same_file(engine, path):
    memory = engine.read(engine.start(), "ab")
    contents = set()
    for _ in range(12):  # safetensors orders two metadata by chance
        save_context(path, memory, fingerprint(engine.model))
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_what_is_no_context_is_not_replaced(engine, tmp_path):
    book, weights, pipe = tmp_path / "book.txt", tmp_path / "a.safetensors", tmp_path / "pipe"
    book.write_text("a book\n" * 100)
    safetensors.torch.save_file({"a": torch.zeros(3)}, weights)
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(book)
    (tmp_path / "null").symlink_to("/dev/null")  # by a link: what fails here must not cost root its /dev/null
    os.mkfifo(pipe)
    before = {path.name: path.read_bytes() for path in (book, weights)}
    for place in (book, weights, pipe, tmp_path / "empty", tmp_path / "link", tmp_path / "null"):
        for write in (check_writable, lambda path: save_context(path, engine.start(), fingerprint(engine.model))):
            with pytest.raises(UserError) as told:
                write(place)
            said = f"cannot write context, '{place}' holds something else: choose another --context-out"
            assert str(told.value) == said
    assert {path.name: path.read_bytes() for path in (book, weights)} == before
    assert pipe.is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "null").is_symlink()


def test_a_file_that_may_not_be_read_is_told_with_the_reason(engine, saved, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a mode would not stop root
    assert "(Permission denied)" in refusal(saved, engine)
    with pytest.raises(UserError, match=r"cannot write context .* \(Permission denied\)"):
        check_writable(saved)


def test_a_link_to_a_context_is_replaced_and_that_context_stays(engine, saved):
    before, link = saved.read_bytes(), saved.with_name("link")
    link.symlink_to(saved)
    save_context(link, engine.start(), fingerprint(engine.model))
    assert load_context(link, engine.model, fingerprint(engine.model)).tokens_read == 1
    assert saved.read_bytes() == before


def test_another_models_context_is_refused(make_engine, saved):
    assert "written by another model" in refusal(saved, make_engine(body="stack", seed=1))
    assert "written by another model" in refusal(saved, make_engine(body="stack", rule="ema"))


@pytest.mark.parametrize("pattern", ["delta,gated", "gated,kda", "gated,signed-delta", "gated", "delta"])
def test_another_patterns_context_is_refused(make_engine, path, pattern):
    written, other = (make_engine(rule=rule, context=32, head_width=16) for rule in ("gated,delta", pattern))
    memory = written.read(written.start(), TEXT)
    save_context(path, memory, fingerprint(written.model))
    assert "written by another model" in refusal(path, other)
    if pattern not in ("gated,kda", "gated,signed-delta"):  # those keep what it keeps
        save_context(path, memory, fingerprint(other.model))
        assert "its tensors do not fit its model" in refusal(path, other)


def test_the_fingerprint_is_of_weights_and_shape(make_engine):
    own = fingerprint(make_engine(body="attention").model)
    assert own == fingerprint(make_engine(body="attention").model)
    assert own == fingerprint(make_engine(body="attention", dropout=0.0).model)
    assert own != fingerprint(make_engine(body="attention", window=9).model)  # no weight says it
    changed = make_engine(body="attention").model
    changed.head.bias.data[3] += 1e-3
    assert own != fingerprint(changed)


def test_a_model_of_before_matrices_has_the_fingerprint_that_its_contexts_carry():
    model = LanguageModel(ModelConfig(vocabulary=3, width=4, hidden=4, context=4, layers=1, window=4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    assert fingerprint(model) == "eaf6e88481c390eb4ac893449cfdadaee2cc607bb64f816c3feb0d21ba27b272"


def test_tokens_that_its_model_has_not_are_refused(make_engine, path):
    """Rows of n-grams are found by the last two: another number would be read from somewhere else in memory."""
    engine = make_engine(ngram_rows=7)
    memory = engine.read(engine.start(), "ab")
    for token in (-1, engine.model.config.vocabulary + 1, 2**62):
        with torch.inference_mode():  # as the engine made it
            memory.state["previous"][0, 1] = token
        save_context(path, memory, fingerprint(engine.model))
        assert "its tensors do not fit its model" in refusal(path, engine)


def test_every_truncation_is_refused(engine, saved):
    content = saved.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        saved.write_bytes(content[:length])
        assert "damaged" in refusal(saved, engine)


def test_every_flipped_byte_is_refused(engine, saved):
    content = saved.read_bytes()
    for at in range(0, len(content), 41):
        saved.write_bytes(content[:at] + bytes([content[at] ^ 0x04]) + content[at + 1 :])
        refusal(saved, engine)


def test_something_else_is_refused(engine, path):
    safetensors.torch.save_file({"a": torch.zeros(3)}, path)
    assert "holds no context" in refusal(path, engine)
    path.write_bytes(b"a text\n" * 100)
    assert "damaged" in refusal(path, engine)
    assert "there is no context file" in refusal(path.parent / "absent", engine)
    assert "there is no context file" in refusal(path.parent, engine)


FORGERIES = [
    {"schema": 2},
    {"recent": [100_000]},
    {"recent": "abc"},
    {"tokens_read": 3},
    {"tokens_read": -1},
    {"undecoded": "zz"},
    {"undecoded": "00" * 9},
    {"model": None},
    {"extra": 1},
]


@pytest.mark.parametrize("change", FORGERIES)
def test_a_header_with_a_right_checksum_and_wrong_content_is_refused(engine, saved, change):
    with safetensors.safe_open(str(saved), "pt") as file:
        header = json.loads(file.metadata()["newllm_context"])
    tensors = safetensors.torch.load(saved.read_bytes())
    content = json.dumps(header | change)
    metadata = {"newllm_context": content, "sha256": digest(content, tensors)}
    saved.write_bytes(safetensors.torch.save(tensors, metadata))
    refusal(saved, engine)


def test_a_place_that_cannot_be_written_is_told_in_one_line(engine, tmp_path):
    for place in (tmp_path, tmp_path / "absent" / "context", tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match="cannot write context") as told:
            save_context(place, engine.start(), fingerprint(engine.model))
        assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="make directory"):
        check_writable(tmp_path / "absent" / "context")
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
import torch
from newllm.errors import UserError
from newllm.generation import Memory, save_context
memory = Memory({"position": torch.tensor([1]), "context": torch.zeros(1, 4000)}, torch.zeros(5), 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    save_context(Path(sys.argv[1]), memory, "0" * 64)
except UserError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_what_stood_there(saved):
    before = saved.read_bytes()
    command = [sys.executable, "-c", FULL, str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"no room to write '{saved}'")
    assert done.stdout.count("\n") == 1
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
