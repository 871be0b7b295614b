"""The page that compares runs, its permanent link, and the page of a study."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from newllm.trace import Summary, TraceWriter

if TYPE_CHECKING:
    from playwright.sync_api import Page


def chosen(page: "Page") -> dict[str, object]:
    page.locator("[data-chart=compared] canvas").first.wait_for()
    return {
        "runs": page.locator(".chip a").all_inner_texts(),
        "signal": page.get_by_label("Signal").input_value(),
        "radios": page.locator("input[type=radio]:checked").evaluate_all("(all) => all.map((one) => one.value)"),
        "lines": page.locator("[data-chart=compared] .plot-key").all_inner_texts(),
        "about": page.locator("[data-chart=compared] .plot").get_attribute("aria-label"),
        "table": page.locator("[data-chart=compared] .numbers table").first.text_content(),
    }


def begins_with(page: "Page", name: str) -> None:
    """Wait until that run stands first."""
    page.locator(".chip a").first.get_by_text(name, exact=True).wait_for()


def test_a_link_shows_the_same_comparison(page: "Page", local) -> None:
    page.goto(local.url)
    for name in ("words", "words-2"):
        page.get_by_role("checkbox", name=f"Choose: {name}", exact=True).check()
    page.get_by_role("link", name="Compare 2").click()
    first = chosen(page)
    assert sorted(first["runs"]) == ["words", "words-2"]  # type: ignore[call-overload]
    page.get_by_label("Signal").select_option("gradient_norm")
    page.get_by_role("radio", name="tokens").check()
    page.get_by_role("radio", name="difference from the first").check()
    page.wait_for_url("**view=difference*")
    page.get_by_role("button", name=f"first: {first['runs'][1]}").click()  # type: ignore[index]
    begins_with(page, first["runs"][1])  # type: ignore[index]
    seen = chosen(page)
    assert seen["signal"] == "gradient_norm"
    assert seen["radios"] == ["token", "difference"]
    assert seen["runs"] == first["runs"][::-1]  # type: ignore[index]
    address, other = page.url, page.context.new_page()
    other.goto(address)
    assert chosen(other) == seen
    page.go_back()
    begins_with(page, first["runs"][0])  # type: ignore[index]
    assert chosen(page)["runs"] == first["runs"]


def test_seeds_are_one_arm_with_an_interval(page: "Page", local) -> None:
    ids = ",".join(local.run(page, name).rsplit("/", 1)[1] for name in ("words", "words-2"))
    page.goto(f"{local.url}compare?runs={ids}&view=arms")
    told = chosen(page)
    assert told["lines"] == ["words, 2 seeds", "words", "words-2"]  # the arm, and its runs faintly behind it


def test_what_differs_from_the_first_run_is_told_below_and_follows_the_choice(page: "Page", local) -> None:
    ids = [local.run(page, name).rsplit("/", 1)[1] for name in ("words", "words-2")]
    page.goto(f"{local.url}compare?runs={','.join(ids)}")
    page.get_by_role("link", name="What differs from words", exact=True).click()
    assert page.url.endswith("#differences")
    assert page.locator("#differences h3").all_inner_texts() == ["words-2"]
    page.get_by_role("button", name="first: words-2").click()
    page.get_by_role("heading", name="What differs from words-2", exact=True).wait_for()
    page.get_by_role("button", name="Remove: words", exact=True).click()
    page.locator("#differences").wait_for(state="detached")


def test_a_study_is_listed_and_told(page: "Page", local) -> None:
    page.goto(f"{local.url}studies")
    page.get_by_role("link", name="study").last.click()
    page.locator("[data-chart] canvas").first.wait_for()
    told = page.locator("main").inner_text()
    for word in ("Claims", "additive", "holds"):
        assert word in told
    page.get_by_role("link", name="日本語").click()
    page.locator("[data-chart] canvas").first.wait_for()
    assert page.get_attribute("html", "lang") == "ja"
    assert "主張" in page.locator("main").inner_text()


def test_what_is_reached_by_the_keyboard_stays_while_the_comparison_is_made_anew(page: "Page", local) -> None:
    ids = ",".join(local.run(page, name).rsplit("/", 1)[1] for name in ("words", "words-2"))
    page.goto(f"{local.url}compare?runs={ids}")
    chosen(page)
    link = page.locator(".chip a").nth(1)
    link.focus()
    page.evaluate("window.before = document.activeElement")
    with page.expect_response("**/api/compare?*"):
        page.get_by_role("radio", name="tokens").evaluate(
            "(radio) => { radio.checked = true; radio.dispatchEvent(new Event('change')); }"
        )
    page.wait_for_url("**x=token*")
    chosen(page)
    assert page.evaluate("document.activeElement === window.before")
    page.get_by_role("button", name=f"first: {link.inner_text()}").focus()
    page.keyboard.press("Enter")
    begins_with(page, "words-2")
    assert page.evaluate("document.activeElement.closest('.chips') !== null") is False  # that button is gone


def test_the_chart_of_runs_that_go_on_stays_and_so_does_who_reads_it(
    page: "Page", serving: Callable, make_run: Callable[..., Path], until: Callable, tmp_path: Path
) -> None:
    def go_on(name: str, first: int, last: int) -> None:
        summary = Summary(steps=1000, parameters=1, scan_backend="numba", precision="fp32", device="cpu")
        with TraceWriter(tmp_path / "runs" / name / "trace.jsonl") as writer:
            for step in range(first, last):
                writer.write(step, loss=3.0 if step < 90 else 9.0, validation_loss=2.0)
        summary.step = last
        summary.save(tmp_path / "runs" / name / "summary.json")

    for seed, name in enumerate(("a", "b")):
        make_run(tmp_path / "runs" / name, steps=60, seed=seed)
        go_on(name, 61, 80)
    with serving(tmp_path / "runs") as local:
        ids = ",".join(local.run(page, name).rsplit("/", 1)[1] for name in ("a", "b"))
        page.goto(f"{local.url}compare?runs={ids}")
        chosen(page)
        page.locator(".side-by-side [data-chart] canvas").first.wait_for()
        page.get_by_role("slider", name="Smoothing").first.focus()
        page.evaluate("""() => {
          window.before = newllm.compared();
          window.below = document.querySelector(".side-by-side [data-chart] canvas");
        }""")
        for name in ("a", "b"):
            go_on(name, 80, 120)
        until(page, "newllm.compared().drawn.to === 119")
        assert page.evaluate("newllm.compared() === before")
        until(page, "before.drawn.lines['run-0'].high === 9")
        assert page.evaluate("document.activeElement.type") == "range"
        until(page, "[...document.querySelectorAll('.side-by-side [data-chart] canvas')].includes(below)")
        about = page.locator("[data-chart=compared] .plot").get_attribute("aria-label")
        assert about is not None
        assert "9" in about
