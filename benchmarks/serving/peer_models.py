"""Makes the peers' model: `python peer_models.py DIR PARAMETERS LAYERS WIDTH HEADS`, where transformers and gguf are.

A GPT-2 with random weights and as many parameters as asked (its MLP's width is fitted, a multiple of 8; 1,024 learned
positions are not counted), as a folder of transformers with a tokenizer of bytes and as GGUF for llama.cpp, in float32
and bfloat16. The embeddings of all tokens but small letters are zero, so that greedy text is letters and no end token
comes: for the speed it does not matter which numbers the weights are. Prints what was made as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

POSITIONS, END = 1024, "<|endoftext|>"
_MERGE = "Ġ Ġ"  # llama.cpp wants one; it makes a token that is none of the vocabulary, so that nothing is merged


def made(parameters: int, layers: int, width: int, heads: int) -> Any:
    """Return the model."""
    a, b = (_counted(_model(hidden, layers, width, heads)) for hidden in (8, 16))
    hidden = 8 * (1 + round((parameters - a) / (b - a)))
    torch.manual_seed(0)
    model = _model(hidden, layers, width, heads).eval()
    with torch.no_grad():
        table = model.transformer.wte.weight
        table[:97] = 0
        table[123:] = 0
    return model


def _model(hidden: int, layers: int, width: int, heads: int) -> Any:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=257, n_positions=POSITIONS, n_embd=width, n_layer=layers, n_head=heads, n_inner=hidden,
            bos_token_id=256, eos_token_id=256, attn_implementation="sdpa",
        )
    )  # fmt: skip


def _counted(model: Any) -> int:
    return sum(value.numel() for name, value in model.named_parameters() if not name.endswith("wpe.weight"))


def tokens() -> list[str]:
    """Return what GPT-2 calls each byte, in their order, and the end."""
    names = bytes_to_unicode()
    return [*(names[byte] for byte in range(256)), END]


def save_folder(model: Any, folder: Path) -> None:
    """Write what transformers loads."""
    tokenizer = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(tokens())}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
    model.save_pretrained(folder)


def save_gguf(model: Any, place: Path, kind: torch.dtype) -> None:
    """Write what llama.cpp loads: matrices in a precision, the rest in float32."""
    config, writer = model.config, gguf.GGUFWriter(place, "gpt2")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(config.n_inner)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens())
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL])
    writer.add_token_merges([_MERGE])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(False)
    for name, value in _renamed(model.state_dict()):
        matrix = value.dim() > 1 and "position" not in name
        if matrix and kind is torch.bfloat16:
            content = value.to(kind).view(torch.int16).numpy()
            writer.add_tensor(name, content.view("uint8"), raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(name, value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _renamed(weights: dict[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    """Return the weights as GGUF calls them; GPT-2 keeps its matrices the other way round."""
    places = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, 64)
    found = []
    for name, value in weights.items():
        if name == "lm_head.weight":
            continue  # the embedding once more
        new = places.get_name(name.removeprefix("transformer."), try_suffixes=(".weight", ".bias"))
        turned = value.dim() > 1 and ".h." in f".{name}"
        found.append((new, (value.T if turned else value).contiguous()))
    return found


def main() -> None:
    """Make all of it."""
    folder = Path(sys.argv[1])
    model = made(*map(int, sys.argv[2:6]))
    save_folder(model, folder / "gpt2")
    for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        save_gguf(model, folder / f"gpt2-{name}.gguf", kind)
    print(json.dumps({"parameters": _counted(model), "n_inner": model.config.n_inner, "n_positions": POSITIONS}))


if __name__ == "__main__":
    main()
