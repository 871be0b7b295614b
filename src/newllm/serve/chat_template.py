r"""A chat template: messages become the text that a model reads, as in Hugging Face transformers.

A template is a Jinja file, rendered in a sandbox. It sees `messages`, `add_generation_prompt` and what
transformers gives it. It may set a variable of ours, `stop`: the texts before which an answer ends.

    {%- set stop = ["\nUser:"] -%}
    {%- for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\n{% endfor -%}
    {%- if add_generation_prompt %}Assistant: {% endif -%}
"""

import datetime
import json
import secrets
from pathlib import Path
from typing import Any, NoReturn

from newllm.errors import UserError
from newllm.extras import check_present
from newllm.files import read_bytes
from newllm.serve.api_errors import ApiError

FILE = "chat_template.jinja"
"""Beside a run's other files."""

_LARGEST = 1 << 20

Messages = list[dict[str, Any]]


class ChatTemplate:
    """One template.

    Args:
        source: its text.
        name: what errors call it.

    Raises:
        UserError: it is no Jinja template.
    """

    def __init__(self, source: str, name: str) -> None:
        check_present("jinja2", "serve")
        import jinja2
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = lambda value, **named: json.dumps(value, ensure_ascii=False, **named)
        functions: dict[str, Any] = {"raise_exception": _refuse, "strftime_now": _now}
        environment.globals.update(functions)
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise UserError(f"chat template '{name}' is no Jinja template ({error}): mend it") from error
        self._name, self._error = name, jinja2.TemplateError

    def render(self, messages: Messages) -> tuple[str, list[str]]:
        """Return the text up to where the model answers, and the texts before which its answer ends.

        Raises:
            ApiError: the template refuses these messages.
        """
        try:
            module = self._template.make_module(
                {"messages": messages, "add_generation_prompt": True, "bos_token": "", "eos_token": "", "tools": None}
            )
        except (self._error, TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
            raise ApiError(400, f"the chat template refuses these messages ({error}): change them") from None
        stop = getattr(module, "stop", [])
        return str(module), [stop] if isinstance(stop, str) else [str(one) for one in stop]

    def render_after_reply(self, messages: Messages) -> tuple[str, list[str]]:
        """Return what follows a reply of the model: the end of its turn, then further messages.

        What came before it is in the state already, and costs nothing.
        """
        mark = f"reply{secrets.token_hex(8)}"
        before = [{"role": "user", "content": "?"}, {"role": "assistant", "content": mark}]
        text, stop = self.render([*before, *messages])
        _, found, after = text.rpartition(mark)
        if not found:
            raise ApiError(400, "the chat template leaves out what the model has said: use another --chat-template")
        return after, stop


def read_template(path: Path) -> ChatTemplate:
    """Read a template.

    Raises:
        UserError: it cannot be read, or is no template.
    """
    try:
        source = read_bytes(path, _LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"chat template '{path}' cannot be read ({error}): name a Jinja file in UTF-8") from error
    return ChatTemplate(source, str(path))


def template_of(run: Path, named: Path | None) -> ChatTemplate | None:
    """Return the template of a run: the one that was named, else its own, else none."""
    if named is not None:
        return read_template(named)
    return read_template(run / FILE) if (run / FILE).is_file() else None


def _refuse(message: str) -> NoReturn:
    import jinja2

    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    return datetime.datetime.now().strftime(form)
