"""Which writes a read of matrices found: against the derivative of the loop over positions, and against the model."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from newllm.model.bodies import State
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextView, Writes, write_shares, write_weights
from newllm.recurrence import Steps, matrix_steps

TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]


def random_steps(decays: int, positions: int = 12, heads: int = 3, keys: int = 5, values: int = 4) -> Steps:
    """Return one row of steps whose key and lookup have nothing to do with each other, float64."""
    shape = (1, positions, heads)
    query, key, lookup = (F.normalize(torch.randn(*shape, keys, dtype=torch.float64), dim=-1) for _ in range(3))
    value, log_decay = torch.randn(*shape, values).double(), -torch.rand(*shape, decays).double()
    return Steps(query, 1.5 * key, value, lookup, log_decay)


def writes_of(steps: Steps, read: torch.Tensor, count: int) -> Writes:
    added = torch.ones(read.shape[:-1])
    given = (steps.query, steps.key, steps.lookup, steps.log_decay.exp(), steps.value, read, added)
    return Writes(*(tensor[0, :count].numpy() for tensor in given))


def looked(model: LanguageModel, tokens: list[int], before: State | None = None) -> Writes:
    writes = ContextView(model).look(tokens, before or model.initial_state(1)).writes
    assert writes is not None
    return writes


def mixers(model: LanguageModel) -> list[MatrixMixer]:
    return [module for module in model.modules() if isinstance(module, MatrixMixer)]


@pytest.mark.parametrize("decays", [1, 5])
def test_a_weight_is_the_derivative_of_the_read_by_the_value(decays: int) -> None:
    steps = random_steps(decays)
    steps = steps._replace(value=steps.value.requires_grad_())
    read, _ = matrix_steps(steps, torch.zeros(1, 3, 5, 4, dtype=torch.float64), None)
    for place in (0, 5, 11):
        rows = [torch.autograd.grad(read[0, place, :, v].sum(), steps.value, retain_graph=True)[0][0] for v in range(4)]
        by_value_THVV = torch.stack(rows, dim=-1)
        wanted = by_value_THVV[: place + 1, :, 0, 0]
        torch.testing.assert_close(by_value_THVV[: place + 1], wanted[..., None, None] * torch.eye(4).double())
        found = write_weights(writes_of(steps._replace(value=steps.value.detach()), read.detach(), place + 1))
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-14)


def test_the_writes_and_what_was_there_before_are_the_whole_read() -> None:
    steps, before = random_steps(1), torch.randn(1, 3, 5, 4, dtype=torch.float64)
    read, _ = matrix_steps(steps, before, None)
    alone, _ = matrix_steps(steps, torch.zeros_like(before), None)
    writes = writes_of(steps, read, 12)
    found = np.einsum("tn,tnv->nv", write_weights(writes), writes.value)
    np.testing.assert_allclose(found, alone[0, -1].numpy(), rtol=1e-12)
    left_HV = (read - alone)[0, -1]  # of the matrix before the first
    missing = (left_HV * read[0, -1]).sum(-1) / read[0, -1].square().sum(-1)
    np.testing.assert_allclose(1 - write_shares(writes).sum(axis=0), missing.numpy(), rtol=1e-10)


def test_a_key_that_is_written_again_hides_its_first_value() -> None:
    """With b = 1 and no decay a second value replaces the first: a read finds that alone."""
    one, other = torch.eye(4, dtype=torch.float64)[:2]
    key = torch.stack([one, other, one, other])[None, :, None]
    value = torch.randn(1, 4, 1, 6, dtype=torch.float64)
    query = torch.stack([one, one, one, one])[None, :, None]
    steps = Steps(query, key, value, key, torch.zeros(1, 4, 1, 1, dtype=torch.float64))
    read, _ = matrix_steps(steps, torch.zeros(1, 1, 4, 6, dtype=torch.float64), None)
    np.testing.assert_allclose(write_shares(writes_of(steps, read, 4))[:, 0], [0, 0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(write_shares(writes_of(steps, read, 2))[:, 0], [1, 0], atol=1e-15)


def test_a_read_of_nothing_has_no_shares() -> None:
    steps = random_steps(1)
    assert np.isnan(write_shares(writes_of(steps, torch.zeros_like(steps.value), 12))).all()


@pytest.mark.parametrize("rule", ["delta", "signed-delta", "kda", "gated,delta", "delta,kda"])
def test_what_a_model_reads_is_made_of_what_its_tokens_wrote(build: Callable[..., LanguageModel], rule: str) -> None:
    model = build(body="stack", rule=rule).eval()
    whole = looked(model, TOKENS)
    assert whole.added.shape == (len(TOKENS), sum(mixer.heads for mixer in mixers(model)))
    assert whole.added.shape[1] == len(ContextView(model).heads)
    for place in range(len(TOKENS)):
        writes = Writes(*(array[: place + 1] for array in whole))
        made = np.einsum("tn,tnv->nv", write_weights(writes), writes.value)
        np.testing.assert_allclose(made, writes.read[-1], atol=2e-6)
        np.testing.assert_allclose(write_shares(writes).sum(axis=0), 1, atol=1e-4)


def test_read_in_two_parts_it_is_the_text_in_one_go(build: Callable[..., LanguageModel]) -> None:
    model = build(body="stack", rule="delta").eval()
    state, parts = model.initial_state(1), []
    for token in TOKENS:
        parts.append(looked(model, [token], state))
        state = model.step(torch.tensor([token]), state)[1]
    for found, wanted in zip(Writes.joined(parts), looked(model, TOKENS), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@torch.no_grad()
def test_what_a_head_adds_is_its_part_of_the_output_of_its_block(build: Callable[..., LanguageModel]) -> None:
    model, mixed = build(body="stack", rule="delta", layers=1).eval(), []
    (mixer,) = mixers(model)
    handle = mixer.out.register_forward_pre_hook(lambda _, given: mixed.append(given[0]))
    writes = looked(model, TOKENS)
    handle.remove()
    for head, columns in enumerate(mixer.out.weight.split(mixer.width, dim=1)):
        part_TV = mixed[0][0].split(mixer.width, dim=-1)[head]
        np.testing.assert_allclose(writes.added[:, head], (part_TV @ columns.T).norm(dim=-1), rtol=1e-5)


def test_the_control_finds_what_each_token_wrote_itself(build: Callable[..., LanguageModel]) -> None:
    shares = write_shares(looked(build(body="zero-stack", rule="delta").eval(), TOKENS))
    np.testing.assert_allclose(shares[-1], 1, atol=1e-5)
    assert not shares[:-1].any()
