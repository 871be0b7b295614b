"""How what a user sees becomes lines that can be compared: what differs every time is blanked, long lines are broken.

All that is blanked stands here. A break that was not there is marked with ⏎, so that nothing else is lost.
"""

import json
import re
import socket
from typing import Any

_TIMES = "seconds|core_seconds|tokens_per_second|speed|pid|started|heard|heartbeat|began|created|saved|used|elapsed"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), blank)
    for pattern, blank in (
        # Lines of progress, which come by the clock.
        (r"^.* of [\d,]+ s$\n?", ""),
        (r"^step +[\d,]+ +loss .*$\n?", ""),
        (r"^\d+/\d+ runs +running .*$\n?", ""),
        (r"^(.* up to \d+ replays?)\n(?:\1\n)+", r"\1\n"),
        # JSON, as it is laid out below.
        (rf'("(?:{_TIMES})": )-?[\d.]+(?:e-?\d+)?', r"\1<time>"),
        (r'("seconds": \{)[^{}]*\}', r"\1<times>}"),
        (r'("(?:version|digest|etag)": )(?:\d+|"[0-9a-f]{16}")', r"\1<count>"),
        (r'("text": )"[0-9a-f]{16}"', r"\1<digest of a section, with its folder>"),
        (r'("sha256": )"[0-9a-f]{64}"$\n^\}', r'\1"<of a file with times>"\n}'),
        (r'("(?:processor|hostname|machine)": )"[^"]*"', r"\1<machine>"),
        # Dates with a time of day, durations, speeds.
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d| UTC)?", "<date>"),
        (r"(?<![\w.,-])\d[\d,]*(?:\.\d+)? (?:ms|s|min|h|seconds?|minutes?|hours?)\b(?! *=)", "<duration>"),
        (r"\d[\d,]*(?:\.\d+)? ?(?:ミリ秒|秒|時間)", "<duration>"),
        (r"(?:<duration> |\d+分)(?=<duration>)", ""),
        (r"[\d,.]+ tokens(?:/s| per second)", "<speed>"),
        (r"((?:Tokens per second|トークン/秒)</dt>⏎\n<dd>)[\d,.]+", r"\1<speed>"),
        (r"\b(process|pid|プロセス) ?\d+", r"\1 <process>"),
        (r"(/static/[\w.-]+\?v=)[0-9a-f]{16}", r"\1<digest>"),
        (r"\b(127\.0\.0\.1|localhost):\d+", r"\1:<port>"),
    )
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PICTURE = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
_ASSET = re.compile(r"(<(style|script)(?![^>]*application/json)[^>]*>)(.{2000,}?)(</\2>)", re.DOTALL)
_DATA = re.compile(r"(<script[^>]*application/json[^>]*>)(.*?)(</script>)", re.DOTALL)
_NUMBERS = re.compile(
    r"\[\n\s*(?:(?:-?[\d.]+(?:e[+-]?\d+)?|null|NaN|-?Infinity),\s*)*(?:-?[\d.]+(?:e[+-]?\d+)?|null)\n\s*\]"
)


class Blanks:
    """Blanks texts of one recording.

    Args:
        paths: folders of this recording alone, each with what stands for it.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = sorted(paths.items(), key=lambda pair: -len(pair[0]))
        self._machine = socket.gethostname()
        self.assets: dict[str, str] = {}

    def text(self, content: str) -> str:
        """Return a text without what differs every time."""
        content = _PICTURE.sub("<picture>", content)
        for path, name in self._paths:
            content = content.replace(path, name)
        if len(self._machine) > 3:
            content = content.replace(self._machine, "<machine>")
        for pattern, blank in _RULES:
            content = pattern.sub(blank, content)
        return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", content)

    def output(self, content: str) -> str:
        """Return what a command printed: JSON laid out, other text as it is."""
        data = as_json(content)
        return self.text(content if data is None else data)

    def html(self, content: str) -> str:
        """Return a page, a tag a line; styles and scripts of its own are kept once, in `assets`."""
        pieces = _DATA.sub(lambda found: found[1] + "⏎\n" + (as_json(found[2]) or found[2]) + "⏎\n" + found[3], content)
        pieces = _ASSET.sub(lambda found: found[1] + self._asset(found[2], found[3]) + found[4], pieces)
        return self.text(pieces.replace("><", ">⏎\n<"))

    def _asset(self, kind: str, content: str) -> str:
        name = next((name for name, known in self.assets.items() if known == content), None)
        if name is None:
            name = f"{kind}-{1 + sum(known.startswith(kind) for known in self.assets)}"
            self.assets[name] = content
        return f"<{name}>"


def as_json(content: str) -> str | None:
    """Return JSON (a value, or a value a line) laid out with short lines and keys in their order; None for other text.

    A string that is a page's HTML becomes a list of its tags.
    """
    if not content.lstrip().startswith(("{", "[")):
        return None
    try:
        values = [json.loads(content)]
    except ValueError:
        try:
            values = [json.loads(line) for line in content.splitlines() if line.strip()]
        except ValueError:
            return None
    laid_out = "\n".join(json.dumps(_broken(value), indent=1, ensure_ascii=False) for value in values)
    return _NUMBERS.sub(lambda found: " ".join(found[0].split()), laid_out) + "\n"


def _broken(value: Any) -> Any:
    """Return a value whose long strings are lists of lines."""
    if isinstance(value, dict):
        return {key: _broken(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_broken(item) for item in value]
    if isinstance(value, str) and len(value) > 120:
        lines = value.replace("><", ">⏎\n<").replace("\n", "\n\0").split("\0")
        return lines if len(lines) > 1 else value
    return value
