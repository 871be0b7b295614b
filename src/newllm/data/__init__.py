"""Texts to tokens to batches, with numpy only: sources, tokenizers, the split, the token cache, the order."""

from newllm.data.batch import IGNORED, Batch, Batches, part_of, piece_of, rows_of, trim
from newllm.data.batches import probe_batch, training_batches, validation_batches
from newllm.data.config import DataConfig
from newllm.data.corpus import Corpus, prepare
from newllm.data.documents import Document
from newllm.data.huggingface import dataset_name, is_dataset, lasting_name
from newllm.data.segments import Segments
from newllm.data.sources import offer_columns, read_documents
from newllm.data.split import Piece, Split, sentence_lines, split_documents
from newllm.data.tokenizer import Tokenizer
from newllm.data.tokenizers import load_tokenizer, tokenizer_digest, train_tokenizer

__all__ = [
    "IGNORED",
    "Batch",
    "Batches",
    "Corpus",
    "DataConfig",
    "Document",
    "Piece",
    "Segments",
    "Split",
    "Tokenizer",
    "dataset_name",
    "is_dataset",
    "lasting_name",
    "load_tokenizer",
    "offer_columns",
    "part_of",
    "piece_of",
    "prepare",
    "probe_batch",
    "read_documents",
    "rows_of",
    "sentence_lines",
    "split_documents",
    "tokenizer_digest",
    "train_tokenizer",
    "training_batches",
    "trim",
    "validation_batches",
]
