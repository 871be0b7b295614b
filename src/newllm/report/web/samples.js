"use strict";
// What the model wrote, looked through: two panes side by side, each with a slider over the steps.
//
// The left one begins at the first text, the right one at the newest, and stays with the newest while the run goes on.
// Where the list is made anew the sliders stay where they were, and who holds one goes on.

(function (newllm) {
  const NEWEST = Infinity;
  const chosen = new Map(); // by section: the title of what each pane shows, and which slider has the focus

  /** Make two panes of every list of texts within `root`. */
  newllm.samples = function (root) {
    for (const list of root.querySelectorAll(".samples")) {
      const found = [...list.querySelectorAll(".sample")].reverse();
      if (found.length > 1 && !list.classList.contains("panes")) panes(list, found);
    }
  };

  function panes(list, found) {
    const key = list.closest("[id]")?.id ?? "";
    const kept = chosen.get(key) ?? { titles: [null, NEWEST], held: -1 };
    chosen.set(key, kept);
    list.classList.add("panes");
    list.replaceChildren(...[0, 1].map((side) => pane(found, kept, side)));
    if (kept.held >= 0) list.querySelectorAll("input")[kept.held]?.focus({ preventScroll: true });
  }

  function pane(found, kept, side) {
    const make = newllm.element, last = found.length - 1;
    const slider = make("input", "", "", { type: "range", min: 0, max: last, step: 1, "aria-label": newllm.text(side ? "sample-right" : "sample-left") });
    const held = make("div", "pane-text");
    const show = () => {
      const text = found[slider.value].cloneNode(true);
      slider.setAttribute("aria-valuetext", titleOf(text));
      // The texts of a pane may be of any length: it never shrinks, so that nothing jumps under the slider.
      held.style.minHeight = `${held.offsetHeight}px`;
      held.replaceChildren(text);
      newllm.copyButtons(held);
    };
    slider.value = placeOf(found, kept.titles[side]);
    slider.addEventListener("input", () => {
      kept.titles[side] = Number(slider.value) === last ? NEWEST : titleOf(found[slider.value]);
      show();
    });
    slider.addEventListener("focus", () => (kept.held = side));
    slider.addEventListener("blur", () => setTimeout(() => { // who is taken away has not left
      if (slider.isConnected && kept.held === side) kept.held = -1;
    }));
    show();
    const pane = make("div", "pane");
    pane.append(slider, held);
    return pane;
  }

  const titleOf = (text) => text.querySelector("h3").textContent;

  /** Where the text of that title is: the first one for none, the newest where it is not there any more. */
  function placeOf(found, title) {
    if (title === null) return 0;
    const at = found.findIndex((text) => titleOf(text) === title);
    return at < 0 ? found.length - 1 : at;
  }
})(window.newllm);
