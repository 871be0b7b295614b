"""Writing with a run, its branches and contexts, and the surprisal of a text."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Locator, Page

HOSTILE = (
    "<script>window.__pwned = 1</script></script><img src=x onerror='window.__pwned=1'> \u202eabc\u202c \u2066&lt;"
)


@pytest.fixture
def play(page: "Page", local) -> "Page":
    page.goto(local.run(page, "words") + "/play")
    page.get_by_role("tab", name="Write").wait_for()
    return page


def panel(page: "Page", number: int = 0) -> "Locator":
    return page.locator(".play-panel").nth(number)


def written(place: "Locator") -> str:
    return place.locator(".play-text .token").evaluate_all("(all) => all.map((one) => one.textContent).join('')")


def show_settings(place: "Locator") -> None:
    place.locator("details.sampling").evaluate("(one) => { one.open = true; }")


def write(place: "Locator", text: str = "", tokens: int = 12) -> str:
    """Let a branch read a text and write; return what stands on its page then."""
    show_settings(place)
    place.get_by_label("Tokens", exact=True).fill(str(tokens))
    place.get_by_label("Text to read").fill(text)
    before, after, ends = written(place), "", time.monotonic() + 60
    place.get_by_label("Text to read").press("Control+Enter")
    # What was said of the last writing may still stand: wait until the text has changed, and changes no more.
    while (before == written(place) or after != written(place)) and time.monotonic() < ends:
        after = written(place)
        time.sleep(1)
    place.get_by_text(f"Wrote {tokens} tokens").wait_for()
    return written(place)


def test_it_writes_and_draws_its_context(play: "Page") -> None:
    one = panel(play)
    text = write(one, "the whale ", 16)
    assert text.startswith("the whale ")
    assert len(text) >= len("the whale ") + 4
    assert one.locator("canvas").first.is_visible()
    assert "after 26 tokens" in one.locator(".play-memory").inner_text()
    play.locator(".play-text .token").first.click()
    assert one.locator(".facts").first.inner_text()
    again = panel(play)
    again.get_by_role("button", name="Start over").click()
    assert write(again, "the whale ", 16) == text  # the same seed writes the same


def test_a_saved_context_is_restored_and_writes_the_same(play: "Page") -> None:
    one = panel(play)
    write(one, "a white ship ", 6)
    one.get_by_text("Save and restore contexts").click()
    one.get_by_label("Name").fill("after-the-ship")
    one.get_by_role("button", name="Save").click()
    one.get_by_text("'after-the-ship' is saved").wait_for()
    before = len(written(one))
    first = write(one)[before:]
    other = write(one)  # it goes on elsewhere
    assert len(other) > before + len(first)
    one.get_by_role("button", name="Restore").click()
    one.get_by_text("'after-the-ship' is restored").wait_for()
    assert written(one) == ""
    assert write(one) == first
    play.reload()  # it is a file: it is there after the page has gone
    fresh = panel(play)
    fresh.get_by_text("Save and restore contexts").click()
    fresh.get_by_role("button", name="Restore").click()
    fresh.get_by_text("'after-the-ship' is restored").wait_for()
    assert write(fresh) == first


def test_two_branches_side_by_side(play: "Page") -> None:
    one = panel(play)
    write(one, "the boat ", 5)
    one.get_by_role("button", name="Branch").click()
    two = panel(play, 1)
    two.wait_for()
    boxes = one.bounding_box(), two.bounding_box()
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert written(two) == written(one)
    play.get_by_text("Both branches are the same").wait_for()
    show_settings(two)
    two.get_by_label("Seed").fill("0")
    assert write(one, "and ") == write(two, "and ")
    two.get_by_label("Seed").fill("9")
    assert write(one) != write(two)
    play.get_by_text("then they part").wait_for()
    two.get_by_role("button", name="Close branch").click()
    assert play.locator(".play-panel").count() == 1


def test_the_surprisal_of_a_pasted_text(play: "Page") -> None:
    play.get_by_role("tab", name="Surprisal").click()
    play.get_by_label("Text to measure").fill("the white whale Zq!")
    play.get_by_role("button", name="Measure").click()
    whole = play.locator(".play-whole")
    whole.get_by_text("bits per byte").wait_for()
    bits = float(whole.locator("dd").first.inner_text())
    assert 0.5 < bits < 12
    place = play.locator(".play-surprisal")
    assert written(place) == "the white whale Zq!"
    heat = place.locator(".token").evaluate_all(
        "(all) => all.map((one) => Number(one.style.getPropertyValue('--heat')))"
    )
    assert max(heat[-3:]) > min(heat)
    assert place.locator("ol.bars li").count() > 3


@pytest.mark.parametrize("tab", ["Write", "Surprisal"])
def test_hostile_text_is_text(play: "Page", tab: str) -> None:
    dialogs: list[str] = []

    def dismiss(dialog: "Dialog") -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    play.on("dialog", dismiss)
    play.get_by_role("tab", name=tab).click()
    if tab == "Write":
        write(panel(play), HOSTILE, 3)
    else:
        play.get_by_label("Text to measure").fill(HOSTILE)
        play.get_by_role("button", name="Measure").click()
        play.get_by_text("bits per byte").wait_for()
    shown = written(play.locator(".play-panel" if tab == "Write" else ".play-surprisal"))
    assert "<script>window.__pwned = 1</script>" in shown
    assert not set(shown) & set("\u202e\u202c\u2066")  # marks that turn text around are shown as signs
    assert play.evaluate("window.__pwned") is None
    assert play.locator("main img, main script").count() == 0
    assert not dialogs


def test_megabytes_are_refused_or_read_and_the_page_lives(play: "Page") -> None:
    much = "whale </script> " * 200_000
    one = panel(play)
    one.get_by_label("Text to read").evaluate("(field, text) => { field.value = text; }", much)
    one.get_by_role("button", name="Only read").click()
    one.get_by_text("too long").wait_for()
    play.get_by_role("tab", name="Surprisal").click()
    pasted = play.get_by_label("Text to measure")
    pasted.evaluate("(field, text) => { field.value = text; }", much)
    play.get_by_role("button", name="Measure").click()
    play.locator(".play-surprisal").get_by_text("too long").wait_for()
    pasted.evaluate("(field, text) => { field.value = text; }", much[:10_000])
    play.get_by_role("button", name="Measure").click()
    play.get_by_text("bits per byte").wait_for()
    play.get_by_role("tab", name="Write").click()
    assert write(one, "a ", 3)


@pytest.fixture(scope="module")
def recalling(
    tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...], serving: Any
) -> Iterator[Any]:
    """The local page of a run whose context is matrices: one block, two heads."""
    import newllm

    root = tmp_path_factory.mktemp("recalling") / "runs"
    settings = (*tiny_settings, "data.tokenizer=bytes", "model.rule=delta", "model.head_width=16")
    newllm.train(str(text), preset="tiny", out=root / "matrices", budget=newllm.Budget(steps=40), settings=settings)
    with serving(root) as served:
        yield served


def heats(place: "Locator") -> list[float]:
    """How strongly each token is shaded."""
    read = "(all) => all.map((one) => Number(one.style.getPropertyValue('--heat')))"
    return place.locator(".play-text .token").evaluate_all(read)


def found(place: "Locator") -> list[tuple[str, float]]:
    """What a token was recalled from: names and percentages, as the list has them."""
    rows = place.locator(".found li").all_inner_texts()
    return [(row.split("\n")[0], float(row.split("\n")[-1].removesuffix(" %"))) for row in rows]


def test_a_recall_is_shaded_where_it_was_written(page: "Page", recalling: Any, until: Any) -> None:
    page.goto(recalling.run(page, "matrices") + "/play")
    page.get_by_role("tab", name="Write").wait_for()
    one = panel(page)
    text = write(one, "the whale ", 12)
    assert one.get_by_label("recall", exact=True).is_checked()  # there is no vector to draw
    tokens = one.locator(".play-text .token")
    assert tokens.last.get_attribute("aria-selected") == "true"
    until(page, "document.querySelectorAll('.found li').length > 0")
    assert max(heats(one)) == 1
    tokens.nth(8).click()
    until(page, "document.querySelector('.play-token').innerText.includes('token 9')")
    later = "[...document.querySelectorAll('.token')].slice(8)"
    until(page, f"{later}.every((one) => !Number(one.style.getPropertyValue('--heat')))")
    shaded, listed = heats(one), found(one)
    assert max(shaded[:8]) == 1  # it was predicted from what is before it
    assert not any(shaded[8:])
    strongest = shaded.index(1)
    assert listed[0][0].endswith(f"[{text[strongest].replace(' ', '␣')}]")
    assert one.locator(".play-legend .scale span").last.inner_text() == f"{listed[0][1]:g} %"
    assert 95 < sum(share for _, share in listed) < 115  # what is negative, or small, is not listed
    one.get_by_label("Head").select_option("block 1, head 2")
    until(page, f"document.querySelector('.found .value')?.innerText !== '{listed[0][1]:g} %'")
    assert heats(one) != shaded
    one.locator(".play-text").press("ArrowLeft")
    until(page, "document.querySelector('.play-token').innerText.includes('token 8')")
    one.get_by_label("surprisal").check()
    assert any(heats(one)[8:])
