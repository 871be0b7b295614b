"use strict";
// A plot's legend: what each line is, its value under the cursor, and a press that hides it.

(function (newllm) {
  /**
   * @param {newllm.Stage} stage
   * @param {object[]} lines each gets `tell(text)`, which shows a value
   * @param {() => void} redraw
   * @param {(line: ?object) => void} emphasise called with the line whose key is pointed at, null for none
   */
  newllm.legend = function (stage, lines, redraw, emphasise) {
    for (const line of lines) {
      const key = newllm.element("button", "plot-key", "", { type: "button", "aria-pressed": "true" });
      const swatch = newllm.element("i", "plot-swatch");
      swatch.style.color = `var(--${line.colour})`;
      if (line.dash && !line.faint) swatch.classList.add(["", "dashed", "dotted"][line.dash]);
      if (line.faint) swatch.classList.add("faint");
      const value = newllm.element("span", "plot-value", "", { "aria-hidden": "true" });
      key.append(swatch, newllm.element("span", "", line.label), value);
      key.addEventListener("click", () => {
        line.shown = !line.shown;
        key.setAttribute("aria-pressed", line.shown);
        redraw();
      });
      for (const type of ["pointerenter", "focus"]) key.addEventListener(type, () => emphasise(line));
      for (const type of ["pointerleave", "blur"]) key.addEventListener(type, () => emphasise(null));
      let longest = 0;
      line.tell = (text) => {
        value.textContent = text;
        if (text.length <= longest) return;
        longest = text.length; // what had room once keeps it, so that nothing jumps under the pointer
        value.style.minWidth = `${0.56 * longest}em`;
      };
      stage.legend.append(key);
    }
  };
})(window.newllm);
