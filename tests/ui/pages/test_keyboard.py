"""From the address to the playground with the keyboard alone, and always with the focus in sight."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ACTIVE = """() => {
  const at = document.activeElement;
  return (at.getAttribute("aria-label") || at.textContent || at.className).trim();
}"""
# Whether what has the focus can be told from the rest: an outline of its own, or of what is drawn in its place.
SEEN = """() => {
  const at = document.activeElement, { left, top, width, height } = at.getBoundingClientRect();
  const marked = [at, at.parentElement, ...at.querySelectorAll("*"), ...at.parentElement.children].some((one) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  });
  const inside = left < innerWidth && top < innerHeight && left + width > 0 && top + height > 0;
  return marked && inside && width > 0;
}"""
MOST = 80  # presses of the tabulator from one thing to the next


def tab_to(page: "Page", wanted: str, key: str = "Tab") -> None:
    """Press Tab until something of that name has the focus; whatever has it on the way must be seen to have it."""
    passed = []
    for _ in range(MOST):
        page.keyboard.press(key)
        name = page.evaluate(ACTIVE)
        assert page.evaluate(SEEN), f"the focus is on {name!r}, and nobody sees it"
        if name.startswith(wanted):
            return
        passed.append(name[:40])
    raise AssertionError(f"no {wanted!r} among {passed}")


def test_everything_is_reached_without_a_mouse(page: "Page", local, until: Callable) -> None:
    page.goto(local.url)
    page.get_by_role("link", name="founding").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate(ACTIVE) == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"

    page.keyboard.press("/")
    page.keyboard.type("founding")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(ACTIVE) == "founding"
    assert page.evaluate(SEEN)
    page.keyboard.press("Enter")
    page.locator("#curves canvas").first.wait_for()

    plot = "document.querySelector('#curves .plot')"
    for _ in range(MOST):
        if page.evaluate(f"document.activeElement === {plot}"):
            break
        page.keyboard.press("Tab")
        assert page.evaluate(SEEN), page.evaluate(ACTIVE)
    whole = page.locator("#curves .plot").first.screenshot()
    page.keyboard.press("+")
    page.locator("#curves .plot-extent").first.wait_for()  # what part of it all is shown
    assert page.locator("#curves .plot").first.screenshot() != whole
    page.keyboard.press("Home")
    page.locator("#curves .plot-extent").first.wait_for(state="hidden")

    tab_to(page, "Compare", "Shift+Tab")
    page.keyboard.press("Enter")
    page.get_by_role("combobox", name="Add a run").wait_for()
    tab_to(page, "Add a run")
    page.keyboard.type("words-2")
    page.get_by_role("option", name="words-2").wait_for()
    page.keyboard.press("Enter")
    page.locator(".chip").nth(1).wait_for()
    page.locator("[data-chart=compared] canvas").first.wait_for()
    assert page.locator(".chip a").all_inner_texts() == ["founding", "words-2"]

    tab_to(page, "words-2", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#curves canvas").first.wait_for()
    tab_to(page, "Playground")
    page.keyboard.press("Enter")
    page.get_by_label("Text to read").wait_for()
    until(page, "document.activeElement.tagName === 'TEXTAREA'")  # there one begins to type
    page.keyboard.type("the whale ")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Wrote ").wait_for()
    assert page.locator(".play-text").first.inner_text().startswith("the whale")
    tab_to(page, "The text, token by token", "Shift+Tab")
    page.keyboard.press("Home")
    assert page.locator(".play-text .token[aria-selected=true]").count() == 1
