"""Makes docs/screens/*.png: the pages as a person sees them, from the packaged demo and runs that it makes.

    python docs/screenshots.py

The demo's run with a loss spike and its small model are shown; four more models of the bundled novel are trained for
the comparison, and one that recalls pairs. All but the demo stands in a temporary directory as runs/..., and its name
is taken out of the pages.
docs/screens/before has the pages as they were before they were reworked.
Needs Chromium (on PATH, or named in NEWLLM_CHROMIUM) and the dev extra.
"""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from newllm.demo import SET

PLACE = Path(__file__).parent / "screens"
STUDY = Path(__file__).parents[1] / "studies" / "founding"
SIZE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
TALL = {"width": 1280, "height": 1230}  # from the verdict to the spike
CONFIRMED = {"x": 268, "y": 150, "width": 994, "height": 760}  # of it: what was confirmed, and curves
SMALL = ["--preset", "tiny", "--set", "data.tokenizer=bytes", "--set", "numerics.precision=fp32", "--steps", "300"]
MOST = 200_000  # bytes of a picture; one that is larger gets a palette
# Under a run's name stands its directory, here a temporary one: only runs/... is kept.
NO_PATHS = """for (const where of document.querySelectorAll(".where")) {
  where.textContent = where.textContent.replace(/^.*?(?=runs)/, "");
}"""


def newllm(root: Path, *arguments: str) -> None:
    """Call a command of newllm in a directory."""
    subprocess.run([sys.executable, "-m", "newllm.cli.main", *arguments, "--quiet"], cwd=root, check=False)


def make_runs(root: Path) -> None:
    """Lay out runs/ below `root`."""
    (root / "runs").mkdir()
    for name in ("founding-baseline", "moby-dick"):
        shutil.copytree(SET / name, root / "runs" / name)
    for name, rule, seed in [
        ("gated-0", "gated", 0),
        ("gated-1", "gated", 1),
        ("ema-0", "ema", 0),
        ("ema-1", "ema", 1),
    ]:
        newllm(root, "train", *SMALL, "--rule", rule, "--seed", str(seed), "--out", f"runs/novel/{name}")
        newllm(root, "doctor", f"runs/novel/{name}")
    shutil.copytree(STUDY, root / "runs" / "founding", ignore=shutil.ignore_patterns("*.png", "*.md"))
    newllm(root, "report", "runs/founding-baseline", "--out", "founding-baseline.html")
    newllm(root, "report", "runs/founding-baseline", "--lang", "ja", "--out", "ja.html")


@contextlib.contextmanager
def local(root: Path, *options: str) -> Iterator[str]:
    """Yield the address of the local page of runs/, or of what the options say."""
    command = [sys.executable, "-m", "newllm.cli.main", "ui", *options, "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()


def keep(page: Page, name: str, clip: dict[str, int] | None = None) -> None:
    """Write what is seen, or a part of it."""
    page.evaluate(NO_PATHS)
    page.wait_for_timeout(800)
    seen = page.screenshot(clip=clip)  # type: ignore[arg-type]
    picture, place = Image.open(io.BytesIO(seen)).convert("RGB"), PLACE / f"{name}.png"
    PLACE.mkdir(exist_ok=True)
    picture.save(place, optimize=True)
    if place.stat().st_size > MOST:
        picture.quantize(256, dither=Image.Dither.NONE).save(place, optimize=True)
    print(f"{name}.png {place.stat().st_size / 1e3:.0f} kB")


def shown(browser: Browser, **options: object) -> Page:
    """Open a page."""
    page = browser.new_context(**({"viewport": SIZE, "device_scale_factor": 1} | options)).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(120_000)
    return page


def open_run(page: Page, url: str, name: str) -> str:
    """Open a run from the list, as a person does, and return its id."""
    page.goto(url)
    page.locator("tr[data-id] a").filter(has_text=name).click()
    page.locator("#curves canvas").first.wait_for()
    return page.url.rsplit("/", 1)[1]


def unfold(page: Page, section: str) -> None:
    """Unfold a section and bring it into sight."""
    page.evaluate(f"newllm.unfold('{section}')")
    page.wait_for_timeout(500)
    page.evaluate(f"document.getElementById('{section}').scrollIntoView()")


def ids_of(page: Page, url: str, *names: str) -> str:
    """Return the ids of runs, as the address of a comparison holds them."""
    known = {run["name"]: run["id"] for run in page.request.get(f"{url}api/runs").json()["runs"]}
    return ",".join(known[name] for name in names)


def picture_demo(browser: Browser, url: str) -> None:
    """The run of the demo with a loss spike: the first picture of the README."""
    page = shown(browser)
    open_run(page, url, "founding-baseline")
    page.set_viewport_size(TALL)  # type: ignore[arg-type]
    keep(page, "demo")


def picture_runs(browser: Browser, url: str) -> None:
    """The list, a run (light and dark), the comparison and the study."""
    page = shown(browser)
    page.goto(f"{url}?columns=curve,state,best,findings,model.rule,seed")
    page.locator("tr[data-id]").nth(4).wait_for()
    page.wait_for_timeout(1500)  # the small curves come after the list
    for name in ("gated-0", "gated-1"):
        page.get_by_label(f"Choose: novel/{name}", exact=True).check()
    page.wait_for_timeout(500)
    keep(page, "runs")
    open_run(page, url, "founding-baseline")
    page.set_viewport_size(TALL)  # type: ignore[arg-type]
    keep(page, "run")
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    unfold(page, "context")
    keep(page, "run-context")
    names = ("novel/gated-0", "novel/gated-1", "novel/ema-0", "novel/ema-1")
    page.goto(f"{url}compare?runs={ids_of(page, url, *names)}&view=arms")
    page.locator("[data-chart] canvas").first.wait_for()
    keep(page, "compare")
    page.goto(f"{url}studies")
    page.locator("th a").first.click()
    page.locator("[data-chart] canvas").first.wait_for()
    keep(page, "study")
    dark = shown(browser, color_scheme="dark")
    open_run(dark, url, "founding-baseline")
    dark.evaluate("document.getElementById('curves').scrollIntoView()")
    keep(dark, "run-dark")


def picture_playground(browser: Browser, url: str) -> None:
    """Two branches of one text, side by side."""
    page = shown(browser)
    open_run(page, url, "moby-dick")
    page.goto(f"{page.url}/play")
    text = page.locator(".play textarea").first
    text.fill("Call me Ishmael. Some years ago, ")
    text.press("Control+Enter")
    page.get_by_text("Wrote ").wait_for()
    page.evaluate("scrollTo(0, 0)")
    keep(page, "playground")
    page.get_by_role("tab", name="Surprisal").click()
    page.locator("#play-pasted").fill(
        "The whale rose from the sea, and the captain sent an electronic mail to the harbour."
    )
    page.get_by_role("button", name="Measure").click()
    page.locator(".play-whole dd").first.wait_for()
    keep(page, "surprise")


def pairs(rows: int) -> str:
    """Return rows of letters and digits, and the same pairs again in another order: what a matrix can recall."""
    chance, lines = random.Random(2), []
    for _ in range(rows):
        row = [f"{key}{chance.randrange(8)}" for key in chance.sample("abcdefgh", chance.randint(2, 6))]
        lines.append(f"{' '.join(row)} | {' '.join(chance.sample(row, len(row)))}")
    return "\n".join(lines) + "\n"


def make_recall(root: Path) -> None:
    """Train a model that recalls, in recall/ below `root`; it takes some minutes."""
    (root / "recall").mkdir()
    (root / "pairs.txt").write_text(pairs(200_000))
    shape = ("rule=delta", "width=64", "context=64", "head_width=32", "layers=2", "hidden=128")
    settings = [f"--set=model.{one}" for one in shape] + ["--set=data.window=128", "--set=data.batch=16"]
    newllm(root, "train", "pairs.txt", *SMALL, *settings, "--steps", "3000", "--out", "recall/pairs")


def picture_recall(browser: Browser, url: str) -> None:
    """A digit that is recalled, and the token that it was written at."""
    page = shown(browser)
    page.goto(url)
    page.locator("tr[data-id] a").first.click()
    page.goto(f"{page.url}/play")
    text = page.locator(".play textarea").first
    text.fill("d3 g0 | g0 d3\na4 c7 h2 e1 b6 | h2 c7 b")
    text.press("Control+Enter")
    page.get_by_text("Wrote ").wait_for()
    page.locator(".play-text .token").nth(38).click()
    page.wait_for_timeout(1000)
    page.evaluate("scrollTo(0, 0)")
    keep(page, "recall")


def picture_phone(browser: Browser, url: str) -> None:
    """The list, a run, a comparison and the playground on a phone."""
    phone = shown(browser, viewport=PHONE, is_mobile=True, has_touch=True)
    phone.goto(url)
    phone.locator("tr[data-id]").nth(4).wait_for()
    phone.wait_for_timeout(1500)
    keep(phone, "runs-phone")
    names = ("novel/gated-0", "novel/ema-0")
    phone.goto(f"{url}compare?runs={ids_of(phone, url, *names)}")
    phone.locator("[data-chart] canvas").first.wait_for()
    keep(phone, "compare-phone")
    open_run(phone, url, "founding-baseline")
    keep(phone, "run-phone")
    open_run(phone, url, "moby-dick")
    phone.goto(f"{phone.url}/play")
    phone.locator(".play textarea").first.fill("Call me Ishmael. Some years ago, ")
    phone.get_by_role("button", name="Write", exact=True).click()
    phone.get_by_text("Wrote ").wait_for()
    phone.evaluate("scrollTo(0, 0)")
    keep(phone, "playground-phone")


def picture_report(browser: Browser, root: Path) -> None:
    """The report on a phone, and in Japanese."""
    phone = shown(browser, viewport=PHONE, is_mobile=True, has_touch=True)
    phone.goto((root / "founding-baseline.html").as_uri())
    phone.evaluate("newllm.ready")
    keep(phone, "report-phone")
    page = shown(browser, viewport=TALL)
    page.goto((root / "founding-baseline.html").as_uri())
    page.evaluate("newllm.ready")
    unfold(page, "replay")
    keep(page, "verdict", CONFIRMED)
    page = shown(browser)
    page.goto((root / "ja.html").as_uri())
    page.evaluate("newllm.ready")
    keep(page, "report-ja")


def main() -> None:
    """Make runs and pictures."""
    chromium = os.environ.get("NEWLLM_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with local(root, "--demo") as url:
            picture_demo(browser, url)
        make_runs(root)
        with local(root) as url:
            picture_runs(browser, url)
            picture_playground(browser, url)
            picture_phone(browser, url)
        make_recall(root)
        with local(root / "recall") as url:
            picture_recall(browser, url)
        picture_report(browser, root)
        browser.close()


if __name__ == "__main__":
    main()
