"use strict";
// The keys of a plot that has the focus. What is not listed here stays the page's.

(function (newllm) {
  const PAN = 0.15; // of what is shown
  const ZOOM = 0.6;

  /**
   * @param {HTMLElement} plot
   * @param {newllm.View} view
   * @param {{step(by: number), row?(by: number), log?(), smooth?(), moved()}} does
   *   `step` moves the cursor along the axis, `row` across; `moved` is called after the view has changed by a key.
   */
  newllm.keys = function (plot, view, does) {
    const aside = (by, shift) => {
      // With everything in sight there is nowhere to move to: arrows read values then.
      const pans = view.zoomed && shift === Boolean(does.row);
      if (!pans) return does.step(by);
      view.pan(by * PAN);
      return does.moved();
    };
    const act = {
      ArrowLeft: (shift) => aside(-1, shift),
      ArrowRight: (shift) => aside(1, shift),
      ArrowUp: does.row && (() => does.row(-1)),
      ArrowDown: does.row && (() => does.row(1)),
      "+": () => (view.zoom(ZOOM, does.centre()), does.moved()),
      "-": () => (view.zoom(1 / ZOOM, does.centre()), does.moved()),
      Home: () => (view.reset(), does.moved()),
      Escape: () => (view.reset(), does.moved()),
      l: does.log,
      s: does.smooth,
    };
    act["="] = act["+"]; // the same key without Shift on many keyboards
    act._ = act["-"];
    act.L = act.l;
    act.S = act.s;
    plot.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !act[event.key]) return;
      event.preventDefault();
      act[event.key](event.shiftKey);
    });
  };
})(window.newllm);
