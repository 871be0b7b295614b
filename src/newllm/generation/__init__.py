"""Decoding with a memory of fixed size: an engine, samplers, and contexts as files."""

from newllm.generation.context_file import check_writable, load_context, save_context
from newllm.generation.continuation import Continuation, Generated
from newllm.generation.decoder import Decoder
from newllm.generation.engine import Engine
from newllm.generation.fingerprint import fingerprint
from newllm.generation.memory import Memory
from newllm.generation.sampling import Sampling, next_token
from newllm.generation.text_stream import TextStream
from newllm.generation.vocabulary import Vocabulary
from newllm.generation.weights import WEIGHTS

__all__ = [
    "WEIGHTS",
    "Continuation",
    "Decoder",
    "Engine",
    "Generated",
    "Memory",
    "Sampling",
    "TextStream",
    "Vocabulary",
    "check_writable",
    "fingerprint",
    "load_context",
    "next_token",
    "save_context",
]
