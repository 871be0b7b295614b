"""Print what a shell completes newllm's commands and options by.

eval "$(newllm completion bash)"            # in ~/.bashrc
eval "$(newllm completion zsh)"             # in ~/.zshrc, behind compinit
newllm completion fish | source             # in ~/.config/fish/config.fish
"""

import argparse
import shlex

from newllm.errors import unknown_name
from newllm.files import to_json

SHELLS = ("bash", "zsh", "fish")

# A word that begins with "-" is an option; any other is a file, which the shell completes itself.
_BASH = """\
_newllm() {{
  local words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words={commands}
  else
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD]}}" in
{cases}
    esac
  fi
  COMPREPLY=( $(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}") )
}}
complete -o default -F _newllm newllm
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


def run(arguments: argparse.Namespace) -> int:
    """Print the script; it is for a shell, in no language."""
    from newllm.cli.main import COMMANDS, parser

    if arguments.shell not in SHELLS:
        raise unknown_name("shell", arguments.shell, SHELLS)
    whole = parser()
    told = {command: whole.actions_of([command]) for command in COMMANDS}
    script = _fish(told, COMMANDS) if arguments.shell == "fish" else _bash(told)
    script = _ZSH + script if arguments.shell == "zsh" else script
    print(to_json({"schema": 1, "shell": arguments.shell, "script": script}) if arguments.json else script.rstrip("\n"))
    return 0


def _bash(actions: dict[str, list[argparse.Action]]) -> str:
    cases = [
        f"      {shlex.quote(command)}' -'*) words={shlex.quote(' '.join(_options(of)))} ;;"
        for command, of in actions.items()
    ]
    return _BASH.format(commands=shlex.quote(" ".join([*actions, "--help", "--version"])), cases="\n".join(cases))


def _fish(actions: dict[str, list[argparse.Action]], purposes: dict[str, str]) -> str:
    lines = [
        f"complete -c newllm -n __fish_use_subcommand -f -a {name} -d {_quoted(purposes[name])}" for name in actions
    ]
    lines.append("complete -c newllm -n __fish_use_subcommand -l version")
    for command, of in actions.items():
        for action in of:
            names = " ".join(f"-l {name[2:]}" for name in action.option_strings if name.startswith("--"))
            if names:
                takes = "" if action.nargs == 0 else " -r"
                about = _quoted((action.help or "").replace("%%", "%"))
                lines.append(f"complete -c newllm -n '__fish_seen_subcommand_from {command}' {names}{takes} -d {about}")
    return "\n".join(lines) + "\n"


def _options(actions: list[argparse.Action]) -> list[str]:
    return [name for action in actions for name in action.option_strings if name.startswith("--")]


def _quoted(text: str) -> str:
    """Return a text as fish reads it: in single quotes it knows these two escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
