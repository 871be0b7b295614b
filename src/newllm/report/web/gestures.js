"use strict";
// Mouse, pen, fingers and wheel over a plot: choose a stretch by dragging, pinch, wheel with Ctrl, read by moving.
//
// One finger reads values and lets the page scroll; two zoom and move. A plain wheel scrolls the page.

(function (newllm) {
  const SHORTEST = 5; // pixels of a drag that chooses a stretch

  /**
   * @param {newllm.Stage} stage
   * @param {newllm.View} view
   * @param {(x: ?number, y: ?number) => void} read called with the pointer's place in the plot, null when it leaves
   */
  newllm.gestures = function (stage, view, read) {
    const { over } = stage;
    const fingers = new Map();
    let start = null; // of a drag

    const inside = (event) => {
      const box = over.getBoundingClientRect();
      return { x: Math.min(Math.max(event.clientX - box.left, 0), box.width), y: event.clientY - box.top, wide: box.width };
    };
    const position = ({ x, wide }) => view.from + (x / wide) * (view.to - view.from);

    over.addEventListener("pointerdown", (event) => {
      const at = inside(event);
      if (event.pointerType === "touch") fingers.set(event.pointerId, at);
      else if (event.button === 0) start = at;
      if (fingers.size < 2) read(at.x, at.y);
      else read(null, null);
      if (event.pointerType !== "touch" && start) over.setPointerCapture(event.pointerId);
    });
    over.addEventListener("pointermove", (event) => {
      const at = inside(event);
      if (fingers.size === 2 && fingers.has(event.pointerId)) return pinch(event.pointerId, at);
      if (start) choose(start.x, at.x);
      read(at.x, at.y);
    });
    const ended = (event) => {
      fingers.delete(event.pointerId);
      if (start && event.type === "pointerup") chosen(inside(event));
      start = null;
      stage.chosen.hidden = true;
      // What a finger read stays until the next touch; a page that began to scroll takes it away.
      const leaves = event.type === "pointerleave" && event.pointerType !== "touch";
      if (leaves || event.type === "pointercancel") read(null, null);
    };
    for (const type of ["pointerup", "pointercancel", "pointerleave"]) over.addEventListener(type, ended);

    function choose(from, to) {
      const { chosen } = stage;
      chosen.hidden = Math.abs(to - from) < SHORTEST;
      chosen.style.left = `${Math.min(from, to)}px`;
      chosen.style.width = `${Math.abs(to - from)}px`;
    }

    function chosen(at) {
      if (Math.abs(at.x - start.x) < SHORTEST) return;
      const [from, to] = [position(start), position(at)].sort((a, b) => a - b);
      view.set(from, to);
    }

    /** Keep under each of two fingers what was there before one of them moved. */
    function pinch(id, at) {
      const [other] = [...fingers].filter(([key]) => key !== id).map(([, finger]) => finger);
      const before = fingers.get(id);
      fingers.set(id, at);
      const apart = Math.max(20, Math.abs(before.x - other.x)), now = Math.max(20, Math.abs(at.x - other.x));
      const middle = (before.x + other.x) / 2;
      view.zoom(apart / now, position({ x: middle, wide: at.wide }));
      view.pan((middle - (at.x + other.x) / 2) / at.wide);
    }

    over.addEventListener("dblclick", () => view.reset());
    over.addEventListener("wheel", (event) => {
      const aside = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey) view.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 120), position(inside(event)));
      else if (aside && view.zoomed) view.pan(event.deltaX / inside(event).wide);
      else return;
      event.preventDefault();
    }, { passive: false });
  };
})(window.newllm);
