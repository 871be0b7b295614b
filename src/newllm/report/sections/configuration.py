"""What is needed to run it again: commands, configuration, the machine's part in it, and what a guard changed."""

import shlex
from collections.abc import Mapping
from typing import Any

from newllm.demo import is_demo, shown
from newllm.diagnosis.replayable import replayable
from newllm.diagnosis.run_settings import settings_of
from newllm.messages import Catalogue, read_message
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, block, code, folded, joined, pairs, said_in, table
from newllm.report.source import Source
from newllm.words.labels import evidence_label
from newllm.words.numbers import value

_MOST = 200


def configuration(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where there is no configuration and nothing that a recorder says of the run."""
    if not source.config_text and not source.recording:
        return None
    environment = source.config.get("environment")
    parts = [
        block(words("config-commands"), _commands(source)),
        block(words("config-replays"), _replays(source)),
        block(words("config-recoveries"), _recoveries(source, words)),
        block(words("config-environment"), _settings(environment, words)),
        block(words("config-recording"), _recording(source.recording, words)),
        block(words("config-settings"), _recorded_settings(source)),
        folded("config.toml", code(source.config_text), kind="config", open=True) if source.config_text else Html(),
    ]
    told = [words("config-commands"), words("config-environment" if source.config_text else "config-recording")]
    gist = words("list").join([*told, *(["config.toml"] if source.config_text else [])])
    return Section(source.id("configuration"), words("configuration"), joined(parts), gist=gist)


def _commands(source: Source) -> Html:
    """Return the commands for a shell. The path is quoted, whatever it holds. Nothing is written in the demo."""
    demo = is_demo(source.path)
    run = shlex.quote(shown(source.path))
    config = run if demo else shlex.quote(str(source.path / "config.toml"))
    again = shlex.quote(f"{source.path.name if demo else source.path}-again")
    commands = [f"newllm doctor {run}"]
    if source.config_text:
        commands.insert(0, f"newllm train --config {config} --out {again}")
        if source.verdict is not None or (replayable(source.findings) and not demo):
            commands.append(f"newllm replay {run}{' --show' if demo else ''}")
    return joined(code(command) for command in commands)


def _replays(source: Source) -> Html:
    """Return the Python that goes on with the replays of somebody's own training; of a run a command does."""
    if source.config_text or source.verdict is None:
        return Html()
    return code(f"newllm.replay(loop, recorded={str(source.path)!r}, budget=600)")


def _recoveries(source: Source, words: Catalogue) -> Html:
    rows = [
        [value(words, one.get("number")), words("config-at", step=value(words, one.get("detected"))),
         one.get("remedy") or one.get("action", ""), _did(one, words)]
        for one in source.recoveries[:_MOST]
    ]  # fmt: skip
    heads = ["", words("config-detected"), words("config-remedy"), words("config-did")]
    return table(heads, rows, about=words("config-recoveries"), text=(1, 2, 3)) if rows else Html()


def _did(recovery: Mapping[str, Any], words: Catalogue) -> Html:
    return said_in(words, read_message(recovery.get("message"), recovery.get("sentence")))


def _recording(recording: Mapping[str, Any], words: Catalogue) -> Html:
    named = {name: item for name, item in recording.items() if isinstance(item, str | int | float) and name != "schema"}
    return _settings(named, words)


def _recorded_settings(source: Source) -> Html:
    """Return what a recording says of the training's settings, by the names that the list of runs has for them."""
    if source.config_text or not source.recording.get("config"):
        return Html()
    return pairs((name, str(item)) for name, item in settings_of({}, source.recording).items())


def _settings(about: Any, words: Catalogue) -> Html:
    if not isinstance(about, Mapping):
        return Html()
    return pairs((evidence_label(words, name), value(words, item)) for name, item in list(about.items())[:_MOST])
