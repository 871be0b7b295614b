"""The pages that are made, not written: commands, functions, and the names of findings, signals and interventions."""

import contextlib
import inspect
import io
import tomllib
from pathlib import Path

import newllm
from newllm.cli.main import COMMANDS, main
from newllm.diagnosis.causes.known import CAUSES
from newllm.messages import Message, catalogue
from newllm.model.config import MATRIX_RULE_NAMES, RULE_NAMES
from newllm.replays.interventions import INTERVENTIONS
from newllm.training.presets import PRESETS
from newllm.words.labels import kind_label, signal_label, term
from newllm.words.verdicts import change

_SAID = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
_OBJECTS = ("Budget", "Diagnosis", "LoadedRun", "Loop", "TrainedRun")


def commands(language: str) -> str:
    """Return the page of all commands."""
    said = _SAID[language]
    parts = [f"# {said['commands']}", said["commands-lead"]]
    for command in COMMANDS:
        parts += [f"## newllm {command}", f"```text\n{_help(command)}\n```"]
    return "\n\n".join(parts) + "\n"


def _help(command: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main([command, "--help"])
    return printed.getvalue().strip()


def api(language: str) -> str:
    """Return the page of all that `import newllm` gives."""
    said = _SAID[language]
    parts = [f"# {said['api']}", said["api-lead"]]
    for name in newllm.__all__:
        kind = "autoclass" if name in _OBJECTS else "autoexception" if name == "UserError" else "autofunction"
        options = "\n   :members:\n" if kind == "autoclass" else "\n"
        parts += [f"## {name}", f"```{{eval-rst}}\n.. {kind}:: newllm.{name}{options}```"]
    return "\n\n".join(parts) + "\n"


def names(language: str) -> str:
    """Return the page of all names, in the catalogues' words."""
    said, words = _SAID[language], catalogue(language)
    other = catalogue("ja" if language == "en" else "en")

    def keys(prefix: str) -> list[str]:
        return [name.removeprefix(prefix) for name in words.names if name.startswith(prefix)]

    findings = [(kind, kind_label(words, kind), kind_label(other, kind)) for kind in keys("finding-")]
    causes = [(one, term(words, one), term(other, one)) for one in CAUSES]
    signals = [(one, signal_label(words, one), signal_label(other, one)) for one in keys("signal-")]
    changes = [(one, *(each.text(_what(one)) for each in (words, other))) for one in INTERVENTIONS]
    models = [f"`{name}`" for name in [*RULE_NAMES, *MATRIX_RULE_NAMES, *PRESETS]]
    parts = [f"# {said['names']}", said["names-lead"]]
    titles = ("English", "日本語") if language == "en" else ("日本語", "English")
    for key, rows in (("findings", findings), ("causes", causes), ("interventions", changes), ("signals", signals)):
        head = f"| {said['name']} | {titles[0]} | {titles[1]} |\n| --- | --- | --- |\n"
        parts += [f"## {said[key]}", *([said[f"{key}-lead"]] if f"{key}-lead" in said else [])]
        parts.append(head + "\n".join(f"| `{one}` | {first} | {second} |" for one, first, second in rows))
    parts += [f"## {said['models']}", said["models-lead"], ", ".join(models)]
    return "\n\n".join(parts) + "\n"


def _what(name: str) -> Message:
    return change("what", [name], {name: INTERVENTIONS[name].values})


def api_as_text() -> str:
    """Return the same page for who reads no HTML."""
    parts = [f"# {_SAID['en']['api']}", _SAID["en"]["api-lead"]]
    for name in newllm.__all__:
        made = getattr(newllm, name)
        call = "" if name == "UserError" else inspect.signature(made)
        parts += [f"## {name}", f"```text\nnewllm.{name}{call}\n\n{inspect.getdoc(made)}\n```"]
    return "\n\n".join(parts) + "\n"
