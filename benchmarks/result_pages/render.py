"""Makes tables and plots from a benchmark's result.

python benchmarks/result_pages/render.py RESULT.json --out DIR
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from newllm.files import write_bytes

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import cost_page
import decoding_page
import throughput_page
import time_to_loss_page

Page, Draw = Callable[[dict[str, Any]], str], Callable[[dict[str, Any], Path], None]
PAGES: dict[str, tuple[Page, Draw | None]] = {
    "throughput": (throughput_page.page, throughput_page.draw),
    "decoding": (decoding_page.page, decoding_page.draw),
    "time-to-loss": (time_to_loss_page.page, time_to_loss_page.draw),
    "recorder-cost": (cost_page.recorder, None),
    "ring-cost": (cost_page.ring, None),
}


def rendered(result: Path, directory: Path) -> None:
    """Write NAME.md and the plots of a result whose file is NAME.json."""
    content = json.loads(result.read_text(encoding="utf-8"))
    page, draw = PAGES[result.stem]
    write_bytes(directory / f"{result.stem}.md", page(content).encode())
    if draw is not None:
        draw(content, directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rendered(arguments.result, arguments.out)


if __name__ == "__main__":
    main()
