from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.serve.api_errors import ApiError
from newllm.serve.chat_template import FILE, ChatTemplate, template_of

# As of ChatML, with an answer that is trimmed and turns that must alternate.
CHATML = """{% for message in messages %}
{% if message.role == 'assistant' and not loop.first and loop.previtem.role != 'user' %}
{{ raise_exception('turns must alternate') }}{% endif %}
<|im_start|>{{ message.role }}
{{ message.content | trim }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}{% set stop = '<|im_end|>' %}"""
USER = {"role": "user", "content": "Hi"}
REPLY = {"role": "assistant", "content": "Hello"}


def test_messages_become_a_text_with_its_stops() -> None:
    text, stops = ChatTemplate(CHATML, "it").render([USER])
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert stops == ["<|im_end|>"]
    assert ChatTemplate("{{ messages[0].content }}", "it").render([USER]) == ("Hi", [])


def test_what_follows_a_reply_is_what_the_whole_has_after_it() -> None:
    template = ChatTemplate(CHATML, "it")
    whole, _ = template.render([USER, REPLY, {"role": "user", "content": "And?"}])
    after, stops = template.render_after_reply([{"role": "user", "content": "And?"}])
    assert whole == f"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello{after}"
    assert stops == ["<|im_end|>"]


def test_what_a_template_refuses_is_one_line() -> None:
    with pytest.raises(ApiError, match=r"the chat template refuses these messages \(turns must alternate\)"):
        ChatTemplate(CHATML, "it").render([USER, REPLY, REPLY])
    with pytest.raises(ApiError, match="the chat template refuses these messages"):
        ChatTemplate("{{ messages[0].content / 0 }}", "it").render([USER])
    with pytest.raises(ApiError, match="leaves out what the model has said"):
        ChatTemplate("{{ messages[-1].content }}", "it").render_after_reply([USER])


def test_it_is_rendered_in_a_sandbox() -> None:
    for source in ("{{ ''.__class__.__mro__ }}", "{{ messages.append(1) }}"):
        with pytest.raises(ApiError, match="refuses"):
            ChatTemplate(source, "it").render([USER])
    written, _ = ChatTemplate("{{ messages | tojson }} {{ strftime_now('%Y') }}", "it").render([USER])
    assert written.startswith('[{"role": "user", "content": "Hi"}] 2')


def test_which_template_is_taken(tmp_path: Path) -> None:
    assert template_of(tmp_path, None) is None
    (tmp_path / FILE).write_text("own")
    (tmp_path / "other").write_text("other")
    for named, text in ((None, "own"), (tmp_path / "other", "other")):
        template = template_of(tmp_path, named)
        assert template is not None
        assert template.render([USER])[0] == text
    (tmp_path / "bad").write_text("{% if %}")
    with pytest.raises(UserError, match=r"bad' is no Jinja template .*: mend it"):
        template_of(tmp_path, tmp_path / "bad")
    with pytest.raises(UserError, match="none' cannot be read"):
        template_of(tmp_path, tmp_path / "none")
