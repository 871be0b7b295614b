"""What holds of every body: however a text is cut, fed or mixed with others, its logits are the same."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel, fresh_rows

ROWS, LENGTH, VOCABULARY, WINDOW = 3, 17, 11, 5  # the sequence is longer than three windows of attention


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(VOCABULARY, (ROWS, LENGTH))


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def read(model: LanguageModel, tokens: Tensor, state: State | None = None, reset: Tensor | None = None) -> Tensor:
    return model(tokens, state, reset)[0]


def stepped(model: LanguageModel, tokens: Tensor, state: State | None = None) -> Tensor:
    """Return the logits, one token a row at a time."""
    state = model.initial_state(len(tokens)) if state is None else state
    logits = []
    for token in tokens.unbind(1):
        logits_BV, state = model.step(token, state)
        logits.append(logits_BV)
    return torch.stack(logits, dim=1)


def resets_at(*places: int, rows: int = ROWS, length: int = LENGTH) -> Tensor:
    """Return a mask with a document's start at these places of the middle row, and one more in the last row."""
    reset = torch.zeros(rows, length, dtype=torch.bool)
    reset[1, list(places)] = True
    reset[-1, length // 2] = True
    return reset


def documents(reset_T: Tensor) -> list[slice]:
    bounds = sorted({0, len(reset_T), *reset_T.nonzero().flatten().tolist()})
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def needs_resets(model: LanguageModel) -> None:
    if not model.body.takes_resets:
        pytest.skip("this body takes no resets")


def test_forward_is_step_by_step(any_model: LanguageModel, tokens: Tensor) -> None:
    whole, state = any_model(tokens)
    close(stepped(any_model, tokens), whole)
    after = any_model.initial_state(ROWS)
    for token in tokens.unbind(1):
        _, after = any_model.step(token, after)
    assert state.keys() == after.keys()
    for name, value in state.items():
        close(after[name], value)


def test_split_anywhere_and_carried_on(any_model: LanguageModel, tokens: Tensor) -> None:
    whole, final = any_model(tokens)
    for at in range(1, LENGTH):
        first, state = any_model(tokens[:, :at])
        second, state = any_model(tokens[:, at:], state)
        close(torch.cat([first, second], dim=1), whole)
        for name, value in final.items():
            close(state[name], value)


def test_three_chunks_then_steps(any_model: LanguageModel, tokens: Tensor) -> None:
    whole, state, parts = read(any_model, tokens), None, []
    for part in (slice(0, 2), slice(2, 3), slice(3, 11)):
        logits, state = any_model(tokens[:, part], state)
        parts.append(logits)
    parts.append(stepped(any_model, tokens[:, 11:], state))
    close(torch.cat(parts, dim=1), whole)


def test_resets_are_separate_documents(any_model: LanguageModel, tokens: Tensor) -> None:
    needs_resets(any_model)
    for places in ((0,), (1,), (2, 3), (3, 5, 6), (4, 8), (LENGTH - 1,)):
        reset = resets_at(*places)
        together = read(any_model, tokens, None, reset)
        for row in range(ROWS):
            for document in documents(reset[row]):
                close(together[row, document], read(any_model, tokens[row, None, document])[0])
    every = read(any_model, tokens, None, torch.ones(ROWS, LENGTH, dtype=torch.bool))
    close(every.flatten(0, 1), read(any_model, tokens.reshape(-1, 1))[:, 0])


@pytest.mark.parametrize("way", ["forward", "step", "forward with a mask"])
def test_document_goes_on_in_the_next_chunk(any_model: LanguageModel, tokens: Tensor, way: str) -> None:
    needs_resets(any_model)
    start = 6
    reset = torch.zeros(ROWS, LENGTH, dtype=torch.bool)
    reset[:2, start] = True
    alone, unbroken = read(any_model, tokens[:2, start:]), read(any_model, tokens[2:])
    for after in (1, 2, 3, 4):  # the chunk ends within the reach of the convolution, or just beyond it
        cut = start + after
        _, state = any_model(tokens[:, :cut], None, reset[:, :cut])
        if way == "step":
            rest = stepped(any_model, tokens[:, cut:], state)
        else:
            rest = read(any_model, tokens[:, cut:], state, reset[:, cut:] if "mask" in way else None)
        close(rest[:2], alone[:, after:])
        close(rest[2:], unbroken[:, cut:])


@pytest.mark.parametrize("place", [0, 2, 5])
def test_reset_in_a_later_chunk(any_model: LanguageModel, tokens: Tensor, place: int) -> None:
    needs_resets(any_model)
    cut = 7
    _, state = any_model(tokens[:, :cut])
    reset = torch.zeros(ROWS, LENGTH - cut, dtype=torch.bool)
    reset[0, place] = reset[1, [place, place + 1]] = True
    rest = read(any_model, tokens[:, cut:], state, reset)
    close(rest[0, place:], read(any_model, tokens[:1, cut + place :])[0])
    close(rest[1, place], read(any_model, tokens[1:2, cut + place : cut + place + 1])[0, 0])
    close(rest[1, place + 1 :], read(any_model, tokens[1:2, cut + place + 1 :])[0])
    whole = read(any_model, tokens)
    close(rest[:2, :place], whole[:2, cut : cut + place])
    close(rest[2], whole[2, cut:])


def test_a_mask_without_resets_changes_nothing(any_model: LanguageModel, tokens: Tensor) -> None:
    needs_resets(any_model)
    close(read(any_model, tokens, None, torch.zeros(ROWS, LENGTH, dtype=torch.bool)), read(any_model, tokens))


def test_fresh_rows_start_anew(any_model: LanguageModel, tokens: Tensor) -> None:
    _, state = any_model(tokens)
    more = torch.randint(VOCABULARY, (ROWS, 9))
    mixed = fresh_rows(state, torch.tensor([True, False, True]))
    for got in (read(any_model, more, mixed), stepped(any_model, more, mixed)):
        close(got[[0, 2]], read(any_model, more[[0, 2]]))
        close(got[1], read(any_model, more, state)[1])


def test_no_position_sees_the_future(any_model: LanguageModel, tokens: Tensor) -> None:
    before = read(any_model, tokens)
    for at in (0, 1, 2, 3, 8, LENGTH - 1):
        changed = tokens.clone()
        changed[:, at] = (tokens[:, at] + 1) % VOCABULARY
        after = read(any_model, changed)
        close(after[:, :at], before[:, :at])
        assert (after[:, at] != before[:, at]).any(dim=-1).all()


def test_rows_do_not_see_each_other(any_model: LanguageModel, tokens: Tensor) -> None:
    whole = read(any_model, tokens)
    for row in range(ROWS):
        close(whole[row], read(any_model, tokens[row, None])[0])


def test_only_the_controls_forget_everything(any_model: LanguageModel, tokens: Tensor) -> None:
    """Change every other token: a control must not notice, any other body must."""
    before = read(any_model, tokens)
    for at in (1, 6, LENGTH - 1):
        changed = (tokens + 1 + torch.randint(VOCABULARY - 1, tokens.shape)) % VOCABULARY
        changed[:, at] = tokens[:, at]
        after = read(any_model, changed)
        if any_model.config.body.startswith("zero-"):
            close(after[:, at], before[:, at])
        else:
            assert (after[:, at] - before[:, at]).abs().amax(dim=-1).min() > 1e-6


@pytest.mark.parametrize("body", ["zero-cell", "zero-stack"])
@pytest.mark.parametrize("positions", [0, 64])
def test_a_control_knows_the_token_and_its_position_alone(
    small_model: Callable[..., LanguageModel], body: str, positions: int
) -> None:
    model = small_model(body=body, positions=positions)
    same = torch.full((1, LENGTH), 3)
    logits = read(model, same)[0]
    assert torch.allclose(logits, logits[:1], rtol=1e-10, atol=1e-10) == (positions == 0)
    reset = torch.ones(1, LENGTH, dtype=torch.bool)
    close(read(model, same, None, reset)[0], logits[:1].expand(LENGTH, -1))


def test_attention_sees_exactly_its_window(small_model: Callable[..., LanguageModel]) -> None:
    model = small_model(body="attention", layers=1, window=WINDOW)
    tokens = torch.randint(VOCABULARY, (1, LENGTH))
    before = read(model, tokens)
    changed = tokens.clone()
    changed[0, 2] = (tokens[0, 2] + 1) % VOCABULARY
    touched = (read(model, changed) - before).abs().amax(dim=-1)[0] > 1e-12
    reach = 2 + 3 + WINDOW - 1  # the convolution spreads a token over three more keys
    assert touched.tolist() == [2 <= t <= reach for t in range(LENGTH)]


def test_rotary_positions_are_relative(small_model: Callable[..., LanguageModel]) -> None:
    model = small_model(body="attention")
    tokens, state = torch.randint(VOCABULARY, (2, 4)), model.initial_state(2)
    far = {**state, "position": state["position"] + 1000}
    # Nothing is carried, so that a shift of all positions must not matter.
    torch.testing.assert_close(read(model, tokens, far), read(model, tokens, state), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("body", ["cell", "stack", "attention", "lstm"])
def test_the_body_remembers_beyond_one_layer_of_attention(small_model: Callable[..., LanguageModel], body: str) -> None:
    model = small_model(body=body, rule="additive")
    tokens = torch.randint(VOCABULARY, (1, 40))
    changed = tokens.clone()
    changed[0, 0] = (tokens[0, 0] + 1) % VOCABULARY
    difference = (read(model, changed) - read(model, tokens)).abs().amax(dim=-1)[0, -1]
    assert (difference > 0) == (body != "attention")  # 2 layers reach back 2 * (3 + 4) positions


def test_lstm_refuses_resets(small_model: Callable[..., LanguageModel], tokens: Tensor) -> None:
    with pytest.raises(UserError, match=r"'lstm' cannot reset.*stack") as told:
        read(small_model(body="lstm"), tokens, None, torch.zeros(ROWS, LENGTH, dtype=torch.bool))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("body", ["cell", "zero-cell", "stack", "attention", "founding-transformer", "lstm"])
def test_learned_positions_end(small_model: Callable[..., LanguageModel], body: str) -> None:
    model = small_model(body=body, positions=6)
    tokens = torch.randint(VOCABULARY, (2, 7))
    _, state = model(tokens[:, :6])
    for past_the_end in (
        lambda: model(tokens),
        lambda: model(tokens[:, :1], state),
        lambda: model.step(tokens[:, 0], state),
    ):
        with pytest.raises(UserError, match=r"6 learned positions.*shorter") as told:
            past_the_end()
        assert "\n" not in str(told.value)


def test_a_reset_starts_the_learned_positions_anew(small_model: Callable[..., LanguageModel]) -> None:
    model = small_model(body="cell", positions=6)
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[:, 4] = True
    assert read(model, torch.randint(VOCABULARY, (2, 9)), None, reset).shape == (2, 9, VOCABULARY)
