"""Text that is held back: where a stop string cuts the tokens, and which states are kept until that is known."""

import random

import pytest
import torch

from newllm.generation import TextStream
from newllm.inference.held_text import HeldText

# Of UTF-8, of its beginnings and ends, of what is never a character, and of the half of a surrogate pair.
BYTES = [0x61, 0x62, 0xE3, 0x81, 0x82, 0xF0, 0x9F, 0x90, 0x88, 0xED, 0xA0, 0xC3, 0xA9, 0xFF, 0xFC, 0xF4, 0x2E]
STOPS = [".", "\ufffd", "\ufffda", "a\ufffd", "ab", "\ufffd\ufffd.", "あ", "ab" * 30]


def naive_cut(undecoded: bytes, pieces: list[bytes], shown: int) -> int:
    """How many pieces lie wholly in the first characters: each beginning decoded by itself."""
    lengths = [len((undecoded + b"".join(pieces[: at + 1])).decode("utf-8", "replace")) for at in range(len(pieces))]
    return sum(length <= shown for length in lengths)


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_is_that_of_decoding_every_beginning_anew(seed: int) -> None:
    chance, found = random.Random(seed), 0
    for _ in range(3000):
        undecoded = chance.choice([b"", b"", b"\xe3", b"\xf0\x9f"])
        held = HeldText(chance.sample(STOPS, chance.choice([1, 2])), undecoded)
        stream, pieces, shown = TextStream(undecoded), list[bytes](), ""
        while not held.found and len(pieces) < 30:
            pieces.append(bytes(chance.choices(BYTES, k=chance.choice([1, 1, 2, 3]))))
            text = stream.feed(pieces[-1])
            shown += held.feed(text, list(range(len(pieces))), {}, stream.undecoded)
        if held.found:
            count, rest, shows_any = held.cut(pieces)
            assert count == held.whole == naive_cut(undecoded, pieces, len(shown))
            before = undecoded + b"".join(pieces[:count])
            assert len(rest) == naive_cut(before, [bytes([byte]) for byte in pieces[count]], len(shown))
            assert pieces[count].startswith(rest)
            assert shows_any == bool(shown)
            assert held.begun == count + (len(before.decode("utf-8", "replace") if before else "") < len(shown))
            found += 1
    assert found > 1000


@pytest.mark.parametrize("seed", range(4))
def test_few_states_are_kept_and_always_one_to_go_on_from(seed: int) -> None:
    chance, text, sparse = random.Random(seed), "", 0
    held = HeldText(["ab" * 40, "ba" * 35 + "c"], b"")
    for index in range(4000):
        # Mostly what is held back for long; now and then it is all let go.
        piece = "c" if chance.random() < 0.01 else "ab"[index % 2]
        text += held.feed(piece, list(range(index + 1)), {"position": torch.tensor([index])}, b"")
        if held.found:
            break
        whole = held.whole
        assert whole == len(text)
        if whole:
            at, state = held.state_before(whole - 1)
            assert int(state["position"]) == at
            assert whole - 16 <= at < whole
        assert len(held._kept) <= (index - whole) // 16 + 2
        sparse = max(sparse, len(held._kept))
    assert sparse > 2


def test_a_state_is_there_while_text_is_let_go_little_by_little() -> None:
    held = HeldText(["a" * 40 + "c"], b"")
    for index in range(300):
        held.feed("a", list(range(index + 1)), {"position": torch.tensor([index])}, b"")
        assert held.whole == max(0, index + 1 - 40)
        if held.whole:
            assert held.whole - 16 <= held.state_before(held.whole - 1)[0] < held.whole
    assert len(held._kept) <= 4


def test_states_that_are_kept_for_long_have_memory_of_their_own() -> None:
    held, shared = HeldText(["a" * 100], b""), torch.zeros(1000, 1)
    for index in range(60):
        held.feed("a", list(range(index + 1)), {"position": shared[index]}, b"")
    sizes = [state["position"].untyped_storage().nbytes() for _, state in held._kept]
    assert sizes[1:] == [4] * (len(sizes) - 1)
    assert len(sizes) == 4
