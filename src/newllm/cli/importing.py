"""Make a run of a model in a folder of Hugging Face transformers, as newllm export or save_pretrained wrote it.

The folder needs config.json, model.safetensors and tokenizer.json: save_pretrained of the model and of the tokenizer
write them. The run has one snapshot, and no text and no trace: newllm generate and eval read it.

  newllm import exported/moby-dick --out runs/moby-dick-back
"""

import argparse
from pathlib import Path

from newllm.cli.parser import language_of
from newllm.extras import check_training
from newllm.files import to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("directory", metavar="DIR", help="a folder with a newllm model of transformers")
    parser.add_argument("--out", metavar="RUN", help="the run directory (default runs/ and the name of DIR)")


def run(arguments: argparse.Namespace) -> int:
    """Write the run and say how to use it."""
    check_training()
    from newllm.integrations.transformers.folder import import_folder

    directory = Path(arguments.directory)
    out = Path(arguments.out or Path("runs") / directory.resolve().name)
    imported = import_folder(directory, out)
    if arguments.json:
        print(to_json({"schema": 1, "run": str(out), "directory": arguments.directory, "step": imported.last_step()}))
        return 0
    words = language_of(arguments)
    print(words("import-written", run=str(out), step=imported.last_step()))
    if not arguments.quiet:
        print(words("train-write_on", run=str(out)))
    return 0
