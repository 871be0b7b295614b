"""Light, dark and paper: a canvas is painted anew where the page changes its colours."""

import numpy as np

from newllm.report.charts.chart import Curves, Heat, Line

# How light the plot's ink is, 0 to 255: the mean of what is painted in the area of the axes' numbers.
INK = """(id) => {
  const canvas = document.querySelector(`[data-chart=${id}] .plot canvas`), pen = canvas.getContext("2d");
  const { data } = pen.getImageData(0, canvas.height - 24, canvas.width, 24);
  let sum = 0, count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 200) [sum, count] = [sum + data[at], count + 1];
  }
  return sum / count;
}"""
CHARTS = (
    Curves("c", "Loss", "step", "", (Line("loss", "loss", "training", np.arange(100), np.ones(100)),)),
    Heat("h", "Gradient", "step", "", np.arange(9), ("a", "b"), np.ones((2, 9))),
)


def test_plots_follow_the_colour_scheme_and_paper_is_light(show) -> None:
    page = show(*CHARTS)
    page.emulate_media(color_scheme="light")
    _wait(page, "< 120")
    light = [round(page.evaluate(INK, name)) for name in "ch"]
    page.emulate_media(color_scheme="dark")
    _wait(page, "> 130")
    page.emulate_media(color_scheme="dark", media="print")
    _wait(page, "< 120")
    assert [round(page.evaluate(INK, name)) for name in "ch"] == light
    page.emulate_media(color_scheme="dark", media="screen")
    _wait(page, "> 130")


def _wait(page, ink: str) -> None:
    """Wait until both plots are painted in an ink as light as that."""
    page.wait_for_function(f"() => ['c', 'h'].every((id) => ({INK})(id) {ink})")


def test_plots_are_as_wide_as_their_place(show) -> None:
    page = show(*CHARTS)
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_function("""() => [...document.querySelectorAll("[data-chart] .plot")].every((plot) => {
      const wide = (element) => element.getBoundingClientRect().width;
      return wide(plot) <= 500 && Math.abs(wide(plot.querySelector("canvas")) - wide(plot)) < 1;
    })""")
    for name in "ch":
        place = f"[data-chart={name}] .plot"
        canvas, plot = (page.locator(part).bounding_box() for part in (f"{place} canvas", place))
        assert canvas is not None
        assert plot is not None
        assert abs(canvas["width"] - plot["width"]) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 500


def test_an_axis_has_numbers_however_far_it_reaches(show) -> None:
    line = Line("loss", "loss", "training", np.arange(60), 10.0 ** np.arange(-20, 40))
    page = show(Curves("c", "Loss", "step", "", (line,)))
    numbers = """() => {
      const canvas = document.querySelector("[data-chart=c] .plot canvas"), pen = canvas.getContext("2d");
      const { data } = pen.getImageData(0, 0, 30, canvas.height - 40);
      return data.some((part) => part > 0);
    }"""
    page.get_by_role("button", name="Log scale").click()
    page.wait_for_function(numbers)


def test_code_can_be_copied_and_a_small_curve_drawn(show) -> None:
    page = show()
    page.evaluate("""() => {
      document.body.append(newllm.element("pre", "", "newllm train"), newllm.element("canvas", "spark"));
      newllm.copyButtons(document);
      newllm.copyButtons(document); // once is enough
      newllm.spark(document.querySelector(".spark"), [1, 2, 3, 4], [1, null, 9, NaN], { colour: "training" });
    }""")
    assert page.get_by_role("button", name="Copy").count() == 1
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "newllm train"
    page.evaluate("""() => {
      const text = newllm.element("p", "", "Test it: ");
      const command = newllm.element("code", "command", "newllm replay 'my run'");
      text.append(command, newllm.element("code", "", "no command"));
      document.body.append(text);
      newllm.copyButtons(document);
    }""")
    page.get_by_role("button", name="Copy", exact=True).last.click()
    assert page.evaluate("navigator.clipboard.readText()") == "newllm replay 'my run'"
    assert page.locator(".copy").count() == 2
    painted = "document.querySelector('.spark').getContext('2d').getImageData(0, 0, 300, 150).data.some((part) => part)"
    assert page.evaluate(painted)
