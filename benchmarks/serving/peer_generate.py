"""The loop of transformers that has no server: `python peer_generate.py FOLDER`, run where transformers is.

A line of standard input is how many rows are generated at once, 64 + 64 tokens each; a line of JSON answers with the
tokens that were written a second. A static batch: all begin and end together. One thread.
"""

import json
import sys
import time
from typing import Any

import torch
from transformers import GPT2LMHeadModel

TOKENS = 64


def main() -> None:
    """Answer until there is no more to do."""
    torch.set_num_threads(1)
    model: Any = GPT2LMHeadModel.from_pretrained(sys.argv[1]).eval()
    for line in sys.stdin:
        prompts = torch.randint(97, 123, (int(line), TOKENS))
        began = time.perf_counter()
        with torch.inference_mode():
            ids = model.generate(
                prompts, attention_mask=torch.ones_like(prompts), do_sample=False, max_new_tokens=TOKENS,
                min_new_tokens=TOKENS, pad_token_id=256,
            )  # fmt: skip
        written = ids.numel() - prompts.numel()
        print(json.dumps({"tokens_a_second": written / (time.perf_counter() - began), "tokens": written}), flush=True)


if __name__ == "__main__":
    main()
