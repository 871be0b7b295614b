"""Write a trained model in the form of another framework. The only one so far is hf: Hugging Face transformers.

DIR gets config.json, model.safetensors (the weights to the bit), the tokenizer and a README.md. `import newllm.hf`
makes transformers know the model (pip install 'newllm[hf]'); newllm import DIR makes a run of it again.

  newllm export runs/moby-dick --to hf exported/moby-dick
"""

import argparse
from pathlib import Path

from newllm.cli.parser import language_of
from newllm.errors import unknown_name
from newllm.files import to_json

_FORMATS = ("hf",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_directory", metavar="RUN", help="a run directory that newllm train made")
    parser.add_argument("directory", metavar="DIR", help="where to write: an absent or empty directory")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="hf: Hugging Face transformers")
    parser.add_argument("--snapshot", default="best", metavar="best|last|STEP", help="which weights (default best)")
    parser.add_argument("--replace", action="store_true", help="replace an earlier export that stands in DIR")


def run(arguments: argparse.Namespace) -> int:
    """Write the folder and say how to load it."""
    if arguments.to not in _FORMATS:
        raise unknown_name("format", arguments.to, _FORMATS)
    from newllm import api
    from newllm.integrations.transformers.folder import export_run

    loaded = api.load(arguments.run_directory, arguments.snapshot, "cpu")
    export_run(loaded, Path(arguments.directory), replace=arguments.replace)
    parameters = sum(value.numel() for value in loaded.model.parameters())
    where = {"run": arguments.run_directory, "directory": arguments.directory}
    if arguments.json:
        print(to_json({"schema": 1, **where, "format": arguments.to, "step": loaded.step, "parameters": parameters}))
        return 0
    words = language_of(arguments)
    print(words("export-written", parameters=parameters, step=loaded.step, directory=arguments.directory))
    if not arguments.quiet:
        print(words("export-load", directory=repr(arguments.directory)))
    return 0
