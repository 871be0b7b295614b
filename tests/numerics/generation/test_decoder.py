"""The decoder's compiled step against the model's own, with the weights rounded alike."""

import copy
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("numba", reason="numba is an extra")

from newllm.errors import UserError
from newllm.generation import WEIGHTS, Decoder
from newllm.generation.compiled_step import step as compiled_step
from newllm.generation.compiled_step import team
from newllm.generation.compiled_step.decodable import decodable
from newllm.generation.weights import rounded, rounded_model
from newllm.kernels.processor import has_byte_products, has_decoding_kernels
from newllm.model.bodies import State
from newllm.model.bodies.block import Block
from newllm.model.bodies.stack import ContextMixer
from newllm.model.config import RULE_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recurrence import change_decay

if not has_decoding_kernels():
    pytest.skip("the compiled step needs AVX2 and Linux", allow_module_level=True)

# Of the largest logit. int8 multiplies by 16-bit values; the twin by float32.
CLOSE = {"fp32": 1e-5, "bf16": 1e-5, "int8": 2e-3}
MATRICES = {"rule": "delta,kda", "head_width": 16, "context": 48}
needs_byte_products = pytest.mark.skipif(not has_byte_products(), reason="int8 is compiled with AVX-512 VNNI alone")
every_precision = pytest.mark.parametrize("weights", ["fp32", "bf16", pytest.param("int8", marks=needs_byte_products)])


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == "newllm-decoder":
            thread.join(timeout=2)
            assert not thread.is_alive()


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many threads share even the smallest product, also on fewer cores."""
    use_threads(monkeypatch, request.param)
    return request.param


def use_threads(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have so many threads share a step, and often change between running together and alone."""
    monkeypatch.setattr(compiled_step, "threads_for", lambda _products: count)
    monkeypatch.setattr(team, "TRIAL_INTERVAL", 4 * team.TRIED)


def build(seed: int = 0, **settings: Any) -> LanguageModel:
    """Return a small model of odd widths, every part of which counts."""
    shape: dict[str, Any] = {"vocabulary": 37, "width": 40, "hidden": 72, "context": 22, "layers": 2, "dropout": 0.5}
    model = LanguageModel(ModelConfig(**shape | settings), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def texts(length: int, rows: int, seed: int = 0) -> Tensor:
    return torch.randint(37, (length, rows), generator=torch.Generator().manual_seed(seed))


Step = Callable[[Tensor, State], tuple[Tensor, State]]


def read(step: Step, tokens_TB: Tensor, state: State) -> tuple[Tensor, State]:
    """Return the logits of every position `[T, B, V]` and the last state."""
    found = []
    with torch.inference_mode():
        for tokens_B in tokens_TB:
            logits, state = step(tokens_B, state)
            found.append(logits)
    return torch.stack(found), state


def assert_close(one: tuple[Tensor, State], other: tuple[Tensor, State], weights: str, times: float = 1.0) -> None:
    assert set(one[1]) == set(other[1])
    values = [(one[0], other[0]), *((one[1][name], other[1][name]) for name in other[1])]
    for got, expected in values:
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        scale = max(1.0, expected.abs().max().item())
        torch.testing.assert_close(got.double(), expected.double(), rtol=0.0, atol=times * CLOSE[weights] * scale)


@every_precision
@pytest.mark.parametrize("norm", ["none", "read"])
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_it_is_the_models_own_step(rule: str, norm: str, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch, 2)
    model = build(rule=rule, norm=norm, learn_decay=rule in ("ema", "dual"))
    decoder, twin = Decoder(model, weights), rounded_model(model, weights).eval()
    assert decoder.is_compiled
    for rows in (1, 6):
        tokens_TB = texts(30, rows)
        expected = read(twin.step, tokens_TB, twin.initial_state(rows))
        assert_close(read(decoder.step, tokens_TB, model.initial_state(rows)), expected, weights)


@every_precision
@pytest.mark.parametrize("shape", [(16, 48), (32, 32), (32, 64)])
@pytest.mark.parametrize("rule", ["delta", "signed-delta", "kda", "kda,gated"])
def test_matrices_are_the_models_own(rule: str, shape: tuple[int, int], weights: str, monkeypatch: Any) -> None:
    use_threads(monkeypatch, 2)
    head_width, context = shape
    model = build(rule=rule, head_width=head_width, context=context, norm="read" if "," in rule else "none")
    decoder, twin = Decoder(model, weights), rounded_model(model, weights).eval()
    assert decoder.is_compiled
    for rows in (1, 6):
        tokens_TB = texts(30, rows)
        expected = read(twin.step, tokens_TB, twin.initial_state(rows))
        found = read(decoder.step, tokens_TB, model.initial_state(rows))
        assert_close(found, expected, weights, times=20.0)  # the first readings are small, and made large by their norm


@every_precision
@pytest.mark.usefixtures("threads")
def test_a_tied_head_is_rounded_and_the_rows_that_are_looked_up_are_not(weights: str) -> None:
    model = build(tied_embeddings=True)
    twin, tokens_TB = rounded_model(model, weights).eval(), texts(20, 3)
    assert torch.equal(twin.embedding.weight, model.embedding.weight)
    assert torch.equal(twin.head.weight, rounded(model.embedding.weight, weights))
    assert model.head.weight is model.embedding.weight
    decoder = Decoder(model, weights)
    assert decoder.is_compiled
    expected = read(twin.step, tokens_TB, twin.initial_state(3))
    assert_close(read(decoder.step, tokens_TB, model.initial_state(3)), expected, weights)


@every_precision
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("longest", [2, 3])
def test_ngrams_are_looked_up_beside_the_embedding(longest: int, weights: str) -> None:
    """Texts of other lengths are read together, go on from where they were cut, and have their bits of alone."""
    model = build(ngram_rows=13, ngram_longest=longest, positions=40)
    twin, tokens_TB = rounded_model(model, weights).eval(), texts(20, 3)
    decoder = Decoder(model, weights)
    assert decoder.is_compiled
    expected = read(twin.step, tokens_TB, twin.initial_state(3))
    assert_close(read(decoder.step, tokens_TB, model.initial_state(3)), expected, weights)
    rows, lengths = [tokens_TB[:, row].tolist() for row in range(3)], (7, 1, 20)
    states = [model.initial_state(1)] * 3
    _, states = decoder.read([row[:length] for row, length in zip(rows, lengths, strict=True)], states)
    for row, length, state in zip(rows, lengths, states, strict=True):
        alone, after = read(decoder.step, torch.tensor(row)[:, None], model.initial_state(1))
        assert state["previous"].tolist() == [[0 if length == 1 else row[length - 2] + 1, row[length - 1] + 1]]
        if length < 20:
            logits, ended = decoder.read_all(row[length:], state)
            assert torch.equal(logits, alone[length:, 0])
            assert all(torch.equal(ended[name], after[name]) for name in after)


def test_a_tied_head_is_work_for_as_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[int] = []

    def one_thread(count: int) -> int:
        products.append(count)
        return 1

    monkeypatch.setattr(compiled_step, "threads_for", one_thread)
    for tied in (False, True):
        Decoder(build(tied_embeddings=tied), "fp32")
    assert products[0] - products[1] == 37  # the bias


@every_precision
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("widths", [(16, 16, 16), (17, 1, 3), (64, 33, 80), (3, 100, 16), (32, 512, 16)])
def test_every_width_is_right(widths: tuple[int, int, int], weights: str) -> None:
    width, hidden, context = widths
    model = build(width=width, hidden=hidden, context=context, layers=1, vocabulary=40, norm="read")
    twin, tokens_TB = rounded_model(model, weights).eval(), texts(5, 3)
    expected = read(twin.step, tokens_TB, twin.initial_state(3))
    assert_close(read(Decoder(model, weights).step, tokens_TB, model.initial_state(3)), expected, weights)


@every_precision
def test_a_thousand_tokens_do_not_drift(weights: str) -> None:
    model = build(rule="gated", layers=1, width=32, hidden=32)
    twin, tokens_TB = rounded_model(model, weights).eval(), texts(1000, 1)
    expected = read(twin.step, tokens_TB, twin.initial_state(1))
    assert_close(read(Decoder(model, weights).step, tokens_TB, model.initial_state(1)), expected, weights)


@every_precision
def test_bits_depend_neither_on_threads_nor_on_other_rows(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens_TB, found = build(norm="read"), texts(8, 11), []
    for threads, rows in ((1, 11), (2, 11), (3, 11), (2, 1), (2, 4), (2, 7)):
        use_threads(monkeypatch, threads)
        logits, state = read(Decoder(model, weights).step, tokens_TB[:, :rows], model.initial_state(rows))
        found.append((logits, {name: value.clone() for name, value in state.items()}))
    whole_logits, whole_state = found[0]
    for logits, state in found:
        rows = logits.shape[1]
        assert torch.equal(logits, whole_logits[:, :rows])
        assert all(torch.equal(state[name], whole_state[name][:rows]) for name in whole_state)


@every_precision
def test_a_prompt_is_read_by_the_model_and_gone_on_with(weights: str) -> None:
    model = build().eval()
    twin, decoder, tokens_TB = rounded_model(model, weights).eval(), Decoder(model, weights), texts(20, 2)
    with torch.inference_mode():
        whole_BTV, whole = twin(tokens_TB.t())
        _, prompt = twin(tokens_TB[:10].t())
    given = {name: value.clone() for name, value in prompt.items()}
    logits, after = read(decoder.step, tokens_TB[10:15], prompt)
    back_BTV, back = twin(tokens_TB[15:].t(), after)  # and back to the scan
    assert_close((logits, after), read(twin.step, tokens_TB[10:15], prompt), weights)
    assert_close((back_BTV[:, -1:], back), (whole_BTV[:, -1:], whole), weights)
    assert all(torch.equal(value, given[name]) for name, value in prompt.items())


def test_a_state_is_never_changed_and_can_be_branched() -> None:
    model = build()
    decoder = Decoder(model)
    _, trunk = read(decoder.step, texts(5, 2), model.initial_state(2))
    before = {name: value.clone() for name, value in trunk.items()}
    one = read(decoder.step, texts(6, 2, seed=1), trunk)
    read(decoder.step, texts(6, 2, seed=2), trunk)
    again = read(decoder.step, texts(6, 2, seed=1), trunk)
    assert torch.equal(one[0], again[0])
    assert all(torch.equal(value, before[name]) for name, value in trunk.items())
    copied = read(decoder.step, texts(6, 2, seed=1), before)  # a state as a file gives it back
    assert torch.equal(one[0], copied[0])
    assert all(torch.equal(one[1][name], copied[1][name]) for name in before)


def test_help_is_tried_and_the_quicker_way_kept() -> None:
    for together, alone in ((5, 9), (9, 5)):
        chooser, ways = team.Pace(), []
        for _ in range(2 * team.TRIAL_INTERVAL):
            ways.append(chooser.single)
            chooser.took(alone if chooser.single else together)
        half, best = ways[team.TRIAL_INTERVAL :], alone < together
        assert ways[: 2 * team.TRIED] == [False] * team.TRIED + [True] * team.TRIED
        assert half[: 2 * team.TRIED] == [best] * team.TRIED + [not best] * team.TRIED
        assert set(ways[2 * team.TRIED : team.TRIAL_INTERVAL] + half[2 * team.TRIED :]) == {best}


def alone(decoder: Decoder, model: LanguageModel, text: list[int], state: Any = None) -> tuple[Tensor, Any]:
    """Read a text token by token; return the logits after each."""
    state, logits = model.initial_state(1) if state is None else state, []
    for token in text:
        logits_V, state = decoder.step_token(token, state)
        logits.append(logits_V)
    return torch.stack(logits), state


def same_state(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@every_precision
@pytest.mark.parametrize(
    "settings", [{}, {"norm": "read"}, {"rule": "lstm"}, {"rule": "ema"}, {"positions": 90}, MATRICES]
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_token_has_its_own_bits_whatever_is_read_beside_it(
    count: int, settings: dict[str, Any], weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_threads(monkeypatch, count)
    model, draw = build(**settings), torch.Generator().manual_seed(count)
    decoder = Decoder(model, weights)
    whole = [torch.randint(0, 37, (80,), generator=draw).tolist() for _ in range(9)]
    expected = [alone(decoder, model, text) for text in whole]
    states, read_so_far = [model.initial_state(1) for _ in whole], [0] * len(whole)
    while min(read_so_far) < 80:
        going = [i for i, done in enumerate(read_so_far) if done < 80]
        chosen = [i for i in going if torch.rand(1, generator=draw) < 0.6] or going
        lengths = torch.randint(1, 8, (len(chosen),), generator=draw).tolist()
        parts = [whole[i][read_so_far[i] :][:length] for i, length in zip(chosen, lengths, strict=True)]
        logits_NV, after = decoder.read(parts, [states[i] for i in chosen])
        for i, part, logits_V, state in zip(chosen, parts, logits_NV, after, strict=True):
            read_so_far[i] += len(part)
            states[i] = state
            assert torch.equal(logits_V, expected[i][0][read_so_far[i] - 1])
    assert all(same_state(state, known) for state, (_, known) in zip(states, expected, strict=True))


@every_precision
def test_all_predictions_of_a_text_are_those_of_its_tokens(weights: str) -> None:
    model = build(norm="read")
    decoder, text = Decoder(model, weights), texts(100, 1)[:, 0].tolist()
    expected_TV, expected = alone(decoder, model, text)
    first_TV, middle = decoder.read_all(text[:2], model.initial_state(1))
    kept = {name: value.clone() for name, value in middle.items()}
    rest_TV, after = decoder.read_all(text[2:], middle)
    assert torch.equal(torch.cat([first_TV, rest_TV]), expected_TV)
    assert same_state(after, expected)
    assert same_state(middle, kept)


def test_a_model_without_a_compiled_step_reads_each_text_for_itself() -> None:
    model = build(body="lstm").eval()
    decoder, (one, other) = Decoder(model), (texts(5, 1)[:, 0].tolist(), texts(1, 1, seed=3)[:, 0].tolist())
    logits_NV, states = decoder.read([one, other], [model.initial_state(1)] * 2)
    with torch.inference_mode():
        one_1TV, one_after = model(torch.tensor([one]))
        other_1V, other_after = model.step(torch.tensor(other), model.initial_state(1))
    assert torch.equal(logits_NV, torch.cat([one_1TV[:, -1], other_1V]))
    assert same_state(states[0], one_after)
    assert same_state(states[1], other_after)
    assert torch.equal(decoder.read_all(one, model.initial_state(1))[0], one_1TV[0])


def test_texts_and_states_that_do_not_fit_are_told() -> None:
    model = build(positions=5)
    decoder = Decoder(model)
    with pytest.raises(UserError, match="5 learned positions"):
        decoder.read([[1, 2], [1] * 6], [model.initial_state(1)] * 2)
    with pytest.raises(UserError, match="several rows"):
        decoder.read([[1, 2]], [model.initial_state(2)])
    with pytest.raises(UserError, match="0 rows"):
        decoder.read([[]], [model.initial_state(1)])


def test_step_one_is_a_step_of_one_row() -> None:
    model = build()
    decoder, state = Decoder(model), model.initial_state(1)
    logits_V, after = decoder.step_token(5, state)
    logits_1V, same = decoder.step(torch.tensor([5]), state)
    assert torch.equal(logits_V, logits_1V[0])
    assert all(torch.equal(after[name], same[name]) for name in same)


@pytest.mark.usefixtures("threads")
def test_nothing_depends_on_what_stood_in_new_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens_TB = build(norm="read"), texts(6, 5)
    expected = read(Decoder(model).step, tokens_TB, model.initial_state(5))
    empty, decoder = torch.empty, Decoder(model)
    monkeypatch.setattr(torch, "empty", lambda *size: empty(*size).fill_(float("nan")))
    found = read(decoder.step, tokens_TB, model.initial_state(5))
    assert torch.equal(found[0], expected[0])
    assert all(torch.equal(found[1][name], expected[1][name]) for name in expected[1])


@every_precision
@pytest.mark.parametrize(
    "settings", [MATRICES, {**MATRICES, "rule": "gated,signed-delta", "norm": "read", "head_width": 48}]
)
def test_matrices_depend_on_nothing_that_stood_in_memory(
    settings: dict[str, Any], weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_threads(monkeypatch, 2)
    model, tokens_TB = build(**settings), texts(9, 5)
    expected = read(Decoder(model, weights).step, tokens_TB, model.initial_state(5))
    decoder, empty = Decoder(model, weights), torch.empty
    decoder.step(tokens_TB[0], model.initial_state(5))
    compiled = decoder._compiled
    assert compiled is not None

    def spoil() -> None:
        """Fill what is written between the stages; a step that was before has left its numbers there."""
        compiled._memory.fill(0xFF)  # NaN

    def step(tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        spoil()
        return decoder.step(tokens_B, state)

    monkeypatch.setattr(torch, "empty", lambda *size: empty(*size).fill_(float("nan")))
    found = read(step, tokens_TB, model.initial_state(5))
    assert torch.equal(found[0], expected[0])
    assert all(torch.equal(found[1][name], expected[1][name]) for name in expected[1])
    spoil()
    logits_NV, after = decoder.read(tokens_TB.T.tolist(), [model.initial_state(1)] * 5)
    assert torch.equal(logits_NV, expected[0][-1])
    assert all(torch.equal(state[name][0], expected[1][name][row]) for row, state in enumerate(after) for name in state)
    spoil()
    logits_TV, last = decoder.read_all(tokens_TB[:, 2].tolist(), model.initial_state(1))
    assert torch.equal(logits_TV, expected[0][:, 2])
    assert all(torch.equal(last[name][0], expected[1][name][2]) for name in last)


@every_precision
def test_what_is_not_finite_is_not_hidden(weights: str) -> None:
    model = build(layers=1)
    for bad in (float("nan"), float("inf")):
        state = dict(model.initial_state(2))
        state["0.context"][1, 3] = bad
        logits, _ = Decoder(model, weights).step(torch.tensor([1, 1]), state)
        assert logits[0].isfinite().all()
        assert not logits[1].isfinite().any()


def test_several_threads_may_call_at_once() -> None:
    model = build()
    decoder, expected, found = Decoder(model), {}, {}
    for rows in (1, 2, 3, 5):
        expected[rows] = read(decoder.step, texts(40, rows), model.initial_state(rows))[0]

    def work(rows: int) -> None:
        found[rows] = read(decoder.step, texts(40, rows), model.initial_state(rows))[0]

    callers = [threading.Thread(target=work, args=(rows,)) for rows in expected]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all(torch.equal(found[rows], expected[rows]) for rows in expected)


def test_a_closed_decoder_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch, 3)
    model = build()
    decoder, tokens_TB = Decoder(model), texts(4, 1)
    expected, _ = read(decoder.step, tokens_TB, model.initial_state(1))
    for _ in range(2):
        decoder.close()
        assert torch.equal(read(decoder.step, tokens_TB, model.initial_state(1))[0], expected)
    decoder.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_decodes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch, 2)
    model = build()
    decoder, state = Decoder(model), model.initial_state(1)
    expected, _ = decoder.step_token(3, state)
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(decoder.step_token(3, state)[0], expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_thread_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch, 2)
    model = build()
    decoder = Decoder(model)
    assert decoder._compiled is not None
    team = decoder._compiled._team
    real = team._run

    def run(table: Any, job: Any, barrier: int, thread: int) -> None:
        if thread == 1:
            raise MemoryError("no room")
        real(table, job, barrier, thread)

    team._run = run
    with pytest.raises(MemoryError, match="no room"):
        decoder.step_token(1, model.initial_state(1))


def hooked(model: LanguageModel) -> None:
    model.head.register_forward_hook(lambda *_: None)


def changed(model: LanguageModel) -> None:
    mixers = [module for module in model.modules() if isinstance(module, ContextMixer)]
    change_decay(mixers[0].rule, lambda decay: decay.clamp(max=0.5))


def replaced(model: LanguageModel) -> None:
    (block, *_) = (module for module in model.modules() if isinstance(module, Block))
    block.mlp = nn.Sequential(block.mlp)  # type: ignore[assignment]


def subclassed(model: LanguageModel) -> None:
    model.head.__class__ = type("Other", (nn.Linear,), {})


def doubled(model: LanguageModel) -> None:
    model.double()


@pytest.mark.parametrize("change", [hooked, changed, replaced, subclassed, doubled])
def test_a_model_that_was_changed_takes_its_own_step(change: Callable[[LanguageModel], None]) -> None:
    model = build().eval()
    assert decodable(model, "fp32")
    change(model)
    assert not decodable(model, "fp32")
    decoder, tokens_TB = Decoder(model), texts(4, 2)
    assert not decoder.is_compiled
    expected = read(model.step, tokens_TB, model.initial_state(2))
    found = read(decoder.step, tokens_TB, model.initial_state(2))
    assert torch.equal(found[0], expected[0])


@every_precision
@pytest.mark.parametrize(
    "settings",
    [{"body": body} for body in ("zero-stack", "attention", "lstm", "cell")]
    + [{"norm": "write"}, {"rule": "delta", "head_width": 11}],
)
def test_other_models_take_their_own_step(settings: dict[str, Any], weights: str) -> None:
    model = build(heads=4, **settings)
    twin = rounded_model(copy.deepcopy(model), weights).eval()
    decoder, tokens_TB = Decoder(model, weights), texts(4, 2)
    assert not decoder.is_compiled
    expected = read(twin.step, tokens_TB, model.initial_state(2))
    assert torch.equal(read(decoder.step, tokens_TB, model.initial_state(2))[0], expected[0])
    logits_V, _ = decoder.step_token(4, model.initial_state(1))
    assert logits_V.shape == (37,)
    assert model.training
    assert (weights == "fp32") == torch.equal(twin.head.weight, model.head.weight)


def test_learned_positions_are_added_and_end() -> None:
    model = build(positions=5)
    decoder, tokens_TB = Decoder(model), texts(5, 2)
    assert decoder.is_compiled
    expected = read(model.eval().step, tokens_TB, model.initial_state(2))
    found = read(decoder.step, tokens_TB, model.initial_state(2))
    assert_close(found, expected, "fp32")
    with pytest.raises(UserError, match="5 learned positions"):
        decoder.step(tokens_TB[0], found[1])


@pytest.mark.parametrize(
    ("tokens", "rows", "message"),
    [
        ([37], 1, "token 37 is none"),
        ([3, -1], 2, "token -1 is none"),
        ([], 1, "0 rows"),
        ([1, 2], 3, "2 tokens for a state of 3 rows"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(tokens: list[int], rows: int, message: str) -> None:
    model = build()
    with pytest.raises(UserError, match=message) as told:
        Decoder(model).step(torch.tensor(tokens, dtype=torch.long), model.initial_state(rows))
    assert "\n" not in str(told.value)


def test_an_unknown_precision_is_told() -> None:
    with pytest.raises(UserError, match="int4"):
        Decoder(build(), "int4")


def test_many_rows_take_the_models_own_step() -> None:
    model, tokens_TB = build().eval(), texts(2, 70)
    decoder = Decoder(model)
    expected = read(model.step, tokens_TB, model.initial_state(70))
    assert torch.equal(read(decoder.step, tokens_TB, model.initial_state(70))[0], expected[0])
    few = read(decoder.step, tokens_TB[:, :64], model.initial_state(64))
    assert_close(few, read(model.step, tokens_TB[:, :64], model.initial_state(64)), "fp32")


def test_rounding_is_what_it_says() -> None:
    model = build()
    for weights, steps in (("bf16", 2**8), ("int8", 2 * 127)):
        rounded = rounded_model(model, weights)
        for (name, before), after in zip(model.named_parameters(), rounded.parameters(), strict=True):
            is_product = before.dim() == 2 and not any(part in name for part in ("embedding", "convolution"))
            assert torch.equal(before, after) != is_product
            if is_product:
                error_O = (before - after).abs().amax(1) / before.abs().amax(1)
                assert error_O.max() <= 1.0001 / steps
        again = rounded_model(rounded, weights)
        for one, other in zip(rounded.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=0.0)


def test_a_narrower_precision_reads_fewer_bytes() -> None:
    model = build(width=64, hidden=64, context=64, vocabulary=64, layers=1)
    sizes = {weights: Decoder(model, weights).weight_bytes for weights in WEIGHTS}
    for more, less in itertools.pairwise(sizes.values()):
        assert more > 1.6 * less
