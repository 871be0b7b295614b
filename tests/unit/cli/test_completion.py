"""`newllm completion SHELL`: the scripts, tried in the shells that are here."""

import json
import shlex
import shutil
import subprocess

import pytest

from newllm.cli.completion import SHELLS
from newllm.cli.main import COMMANDS


def completed_by_bash(script: str, *words: str) -> list[str]:
    line = shlex.join(["newllm", *words])
    program = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _newllm; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-u", "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_leaves_files_to_itself(call) -> None:
    script = call("completion", "bash").out
    assert "complete -o default -F _newllm newllm" in script
    assert completed_by_bash(script, "") == [*COMMANDS, "--help", "--version"]
    assert completed_by_bash(script, "do") == ["doctor"]
    assert completed_by_bash(script, "doctor", "log.csv", "--wa") == ["--watch"]
    assert "--budget" not in completed_by_bash(script, "doctor", "--")
    assert "--budget" in completed_by_bash(script, "replay", "--")
    assert completed_by_bash(script, "doctor", "lo") == []


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes_commands_and_options(call, tmp_path) -> None:
    (tmp_path / "script.fish").write_text(call("completion", "fish").out)

    def completed(line: str) -> list[str]:
        program = f"source {tmp_path}/script.fish; complete -C {shlex.quote(line)}"
        done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        return [one.partition("\t")[0] for one in done.stdout.splitlines()]

    assert completed("newllm do") == ["doctor"]
    assert completed("newllm doctor log.csv --wa") == ["--watch"]


def test_zsh_takes_the_script_of_bash(call) -> None:
    bash, zsh = (call("completion", shell).out for shell in ("bash", "zsh"))
    assert zsh == f"autoload -U +X bashcompinit && bashcompinit\n{bash}"


@pytest.mark.parametrize("shell", SHELLS)
def test_as_data(call, shell: str) -> None:
    told = json.loads(call("completion", shell, "--json").out)
    assert told["shell"] == shell
    assert told["script"].rstrip("\n") == call("completion", shell).out.rstrip("\n")


def test_another_shell_is_one_line(refused) -> None:
    assert "unknown shell 'tcsh'" in refused("completion", "tcsh")
