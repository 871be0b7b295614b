import base64
import hashlib
import re
from pathlib import Path

import pytest

from newllm.report import colours, web_files

WEB = Path(web_files.__file__).with_name("web")
VENDORED = re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (WEB / "VENDORED.md").read_text(), re.M)


def test_every_file_is_used_and_every_used_file_is_there() -> None:
    there = {path.name for path in WEB.iterdir() if path.suffix in (".js", ".css")}
    assert there == set(web_files.SCRIPTS) | set(web_files.STYLES) | {"frame.js", "frame.css", "notebook.js"}
    assert all(web_files.file(name) for name in there)


@pytest.mark.parametrize("name", ["VENDORED.md", "../page.py", "nothing.js", ""])
def test_no_other_file_is_given_away(name: str) -> None:
    with pytest.raises(KeyError):
        web_files.file(name)


def test_scripts_come_in_order_and_can_stand_in_a_page() -> None:
    script = web_files.script()
    places = [script.index(web_files.file(name)) for name in web_files.SCRIPTS]
    assert places == sorted(places)
    assert script.startswith("/*! https://github.com/leeoniya/uPlot")
    assert not re.search(r"</script|<!--", script, re.I)
    assert "</style" not in web_files.style()


def test_nothing_is_loaded_and_no_markup_is_made_of_data() -> None:
    own = "".join(
        web_files.file(name) for name in (*web_files.SCRIPTS, "frame.js", "notebook.js") if name != "uplot.js"
    )
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "://", '"style"', "import(", "new Function"):
        assert word not in own
    assert not re.search(r"url\(|@import|://", web_files.style())


def test_the_policy_names_what_it_allows_and_nothing_else() -> None:
    policy = web_files.policy(["a()", "b()"], ["p {}"])
    names = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in (b"a()", b"b()", b"p {}")
    ]
    assert policy == (
        f"default-src 'none'; script-src {names[0]} {names[1]}; style-src {names[2]}; "
        "base-uri 'none'; form-action 'none'"
    )  # fmt: skip
    assert "script-src 'none'" in web_files.policy([], [])


def test_vendored_files_are_those_that_were_published() -> None:
    assert {name for name, _ in VENDORED} == {"uplot.js", "uplot.css", "uplot.LICENSE"}
    for name, digest in VENDORED:
        assert hashlib.sha256((WEB / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("scheme", [colours.LIGHT + colours.MORE_LIGHT, colours.DARK + colours.MORE_DARK])
def test_text_and_signs_stand_out_from_what_is_behind_them(scheme: str) -> None:
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-fA-F]{6})", scheme))
    for behind in ("paper", "card", "hollow"):
        for text in ("ink", "muted", "link"):
            assert _contrast(colour[text], colour[behind]) >= 4.5, (text, behind)
    for behind in ("paper", "card"):
        for text in ("fault", "warning", "good", "note-ink"):
            assert _contrast(colour[text], colour[behind]) >= 4.5, (text, behind)
    for sign in ("training", "validation", "context", "learning-rate", "sky", "spike", "note", "edge", "focus"):
        assert _contrast(colour[sign], colour["paper"]) >= 3, sign
    assert _contrast(colour["on-action"], colour["action"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_page_carries_the_licence_and_not_our_comments() -> None:
    own = [web_files.file(name) for name in web_files.SCRIPTS if name != "uplot.js"]
    assert all(text.startswith('"use strict";\n') for text in own)
    assert not any(line.lstrip().startswith(("//", "/*", "*")) for text in own for line in text.splitlines())
    assert web_files.script().startswith("/*!")
