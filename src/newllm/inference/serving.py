"""A model made ready to be served."""

from typing import Any

from newllm.data import Tokenizer
from newllm.generation import Decoder, Sampling, Vocabulary
from newllm.generation.batch_sampling import BatchSampling
from newllm.generation.decoder import decoder_of
from newllm.generation.weights import rounded_model
from newllm.inference.batch import Batch, Send
from newllm.inference.request import Intake
from newllm.inference.state_blob import StateBlobs, served_fingerprint
from newllm.inference.tokens import Tokens
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel


def serving(
    model: LanguageModel, tokenizer: Tokenizer, weights: str, send: Send
) -> tuple[Intake, Batch, dict[str, Any]]:
    """Return what makes requests of frames, what answers them, and what is told of the model.

    Args:
        model: trained; nobody changes it from now on.
        tokenizer: its own.
        weights: the precision that it is read in.
        send: takes each frame.

    Raises:
        UserError: model and tokenizer do not belong together, or no precision has this name.
    """
    mark = served_fingerprint(model, tokenizer, weights)
    model = rounded_model(model, weights)
    decoder = decoder_of(model, weights)
    vocabulary, config = Vocabulary(tokenizer, model.config.vocabulary), model.config
    tokens = Tokens(tokenizer, vocabulary)
    blobs = StateBlobs(model, tokens, mark)
    state = model.initial_state(1)
    _warm_up(decoder, vocabulary, state)
    told = {
        "fingerprint": mark, "vocabulary": tokenizer.vocab_size,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "state_bytes": sum(value.numel() * value.element_size() for value in state.values()),
        "weights": weights, "compiled": decoder.is_compiled, "positions": config.positions,
        "begin": tokens.begin, "end": tokens.end,
    }  # fmt: skip
    batch = Batch(decoder, tokens, vocabulary, config.positions, blobs, send)
    return Intake(model, tokens, blobs), batch, told


def _warm_up(decoder: Decoder, vocabulary: Vocabulary, state: State) -> None:
    """Let be compiled what compiles when it is called first: no request shall wait for that."""
    logits_1V, _ = decoder.read([[vocabulary.begin]], [state])
    BatchSampling([Sampling()], [0], vocabulary.forbidden).choose(logits_1V.detach().cpu().numpy(), [1], [])
