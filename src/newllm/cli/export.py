"""Write a trained model in the form of another framework: hf (Hugging Face transformers) or onnx.

hf: DIR gets config.json, model.safetensors (the weights to the bit), the tokenizer and a README.md. `import newllm.hf`
makes transformers know the model (pip install 'newllm[hf]'); newllm import DIR makes a run of it again. With
--remote-code it is loaded without that import, by trust_remote_code=True.
onnx: DIR gets step.onnx (one token and the state in, logits and the next state out), sequence.onnx (any number of
tokens), config.json, the tokenizer and a README.md with a program that writes text (pip install 'newllm[onnx]').

  newllm export runs/moby-dick --to hf exported/moby-dick
"""

import argparse
from pathlib import Path

from newllm.cli.parser import language_of, run_named
from newllm.errors import UserError, unknown_name
from newllm.files import to_json

_FORMATS = ("hf", "onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_directory", type=run_named, metavar="RUN", help="a run directory that newllm train made")
    parser.add_argument("directory", metavar="DIR", help="where to write: an absent or empty directory")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="hf (Hugging Face transformers) or onnx")
    parser.add_argument("--snapshot", default="best", metavar="best|last|STEP", help="which weights (default best)")
    parser.add_argument(
        "--remote-code", action="store_true", help="hf: add the file that trust_remote_code=True loads the model by"
    )
    parser.add_argument("--replace", action="store_true", help="replace an earlier export that stands in DIR")


def run(arguments: argparse.Namespace) -> int:
    """Write the folder and say how to load it."""
    if arguments.to not in _FORMATS:
        raise unknown_name("format", arguments.to, _FORMATS)
    if arguments.remote_code and arguments.to != "hf":
        raise UserError(f"--remote-code is of --to hf, not of --to {arguments.to}: leave it out")
    from newllm import api
    from newllm.integrations.onnx import folder as onnx
    from newllm.integrations.transformers import folder as hf

    loaded, directory = api.load(arguments.run_directory, arguments.snapshot, "cpu"), Path(arguments.directory)
    if arguments.to == "onnx":
        onnx.export_run(loaded, directory, replace=arguments.replace)
        load = "export-load_onnx"
    else:
        hf.export_run(loaded, directory, replace=arguments.replace, remote_code=arguments.remote_code)
        load = "export-load_remote" if arguments.remote_code else "export-load"
    parameters = sum(value.numel() for value in loaded.model.parameters())
    where = {"run": arguments.run_directory, "directory": arguments.directory}
    if arguments.json:
        print(to_json({"schema": 1, **where, "format": arguments.to, "step": loaded.step, "parameters": parameters}))
        return 0
    words = language_of(arguments)
    print(words("export-written", parameters=parameters, step=loaded.step, directory=arguments.directory))
    if not arguments.quiet:
        print(words(load, directory=repr(arguments.directory)))
    return 0
