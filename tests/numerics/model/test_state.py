"""The state is the whole memory: of fixed size, by rows, apart from other states, and fit for a file."""

import pytest
import safetensors.torch
import torch

from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

VOCABULARY, WINDOW = 11, 5


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def size(state: State) -> int:
    return sum(value.numel() for value in state.values())


def states(model: LanguageModel, rows: int, tokens: int) -> list[State]:
    """Return the states before the first token and after each."""
    seen = [model.initial_state(rows)]
    for _ in range(tokens):
        seen.append(model.step(torch.randint(VOCABULARY, (rows,)), seen[-1])[1])
    return seen


def test_the_first_axis_is_the_row(any_model: LanguageModel) -> None:
    for rows in (1, 4):
        _, after = any_model(torch.randint(VOCABULARY, (rows, 6)))
        for state in (any_model.initial_state(rows), after):
            assert all(value.shape[0] == rows for value in state.values())


def test_it_does_not_grow_once_the_window_is_full(any_model: LanguageModel) -> None:
    body = any_model.config.body
    full = {"attention": any_model.config.window, "founding-transformer": 64}.get(body, 0)
    tokens = full + 3 if body == "founding-transformer" else 3 * WINDOW
    tokens = min(tokens, 64) if any_model.positions else tokens
    sizes = [size(state) for state in states(any_model, 2, tokens)]
    assert len(set(sizes[max(full - 1, 0) :])) == 1
    one_go = any_model(torch.randint(VOCABULARY, (2, tokens)))[1]
    assert size(one_go) == sizes[-1]
    if full:
        cached = sum(value.shape[1] for name, value in one_go.items() if name.endswith("key"))
        assert cached == any_model.config.layers * (full - 1)


def test_it_is_all_the_memory_there_is(any_model: LanguageModel) -> None:
    """Going on from a copy of a state, twice, gives the same: nothing else remembers, nothing is written over."""
    tokens = torch.randint(VOCABULARY, (2, 9))
    _, state = any_model(torch.randint(VOCABULARY, (2, 6)))
    kept = {name: value.clone() for name, value in state.items()}
    first, _ = any_model(tokens, state)
    any_model(torch.randint(VOCABULARY, (3, 4)))  # another text in between
    second, _ = any_model(tokens, state)
    third, _ = any_model(tokens, kept)
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    assert all(torch.equal(value, kept[name]) for name, value in state.items())


def test_rows_can_be_branched(any_model: LanguageModel) -> None:
    _, state = any_model(torch.randint(VOCABULARY, (2, 6)))
    branched = {name: value[1].expand(3, *value.shape[1:]) for name, value in state.items()}
    more = torch.randint(VOCABULARY, (3, 5))
    got, _ = any_model(more, branched)
    for row in range(3):
        alone, _ = any_model(more[row].expand(2, -1), state)
        torch.testing.assert_close(got[row], alone[1], rtol=1e-10, atol=1e-10)


def test_it_survives_a_file(any_model: LanguageModel) -> None:
    _, after = any_model(torch.randint(VOCABULARY, (2, 6)))
    more = torch.randint(VOCABULARY, (2, 3))
    for state in (any_model.initial_state(2), after):
        data = safetensors.torch.save({name: value.contiguous() for name, value in state.items()})
        loaded = safetensors.torch.load(data)
        assert torch.equal(any_model(more, loaded)[0], any_model(more, state)[0])


def test_initial_tensors_share_no_memory(any_model: LanguageModel) -> None:
    places = [value.data_ptr() for value in any_model.initial_state(2).values() if value.numel()]
    assert len(places) == len(set(places))
