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
    const seen = new Map();
    for (const line of lines) {
      const again = seen.get(line.colour) ?? 0;
      seen.set(line.colour, again + 1);
      const key = newllm.element("button", "plot-key", "", { type: "button", "aria-pressed": "true" });
      const swatch = newllm.element("i", "plot-swatch");
      swatch.style.color = `var(--${line.colour})`;
      if (again % 2 === 1 && !line.faint) swatch.classList.add("dashed");
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

  /**
   * Show the values at a position in the legend.
   * @param {object} chart
   * @param {?number} at null: none
   * @param {number} pixel how much of the axis a pixel is: all its points are told, from the lowest to the highest
   * @returns {string} the same as a sentence
   */
  newllm.readCurves = function (chart, at, pixel) {
    const { stage, lines, spec, marks } = chart;
    if (at === null) {
      stage.where.textContent = "";
      lines.forEach((line) => line.tell(""));
      return "";
    }
    const nearest = nearestPosition(chart, at);
    const told = lines.filter((line) => line.shown).map((line) => {
      const text = valueAt(chart._columnsOf(line), nearest, pixel);
      line.tell(text);
      return text && `${line.label} ${text}`;
    });
    const within = marks.filter((mark) => mark.first - pixel <= nearest && nearest <= mark.last + pixel);
    const where = `${spec.axis} ${newllm.number(nearest)}`;
    stage.where.textContent = [where, ...within.map((mark) => mark.label)].join(" · ");
    return [where, ...told.filter(Boolean), ...within.map((mark) => mark.label)].join(", ");
  };

  function nearestPosition(chart, at) {
    let best = at, distance = Infinity;
    for (const line of chart.lines) {
      const columns = chart._columnsOf(line);
      const place = line.shown ? columns.nearest(at) : -1;
      if (place >= 0 && Math.abs(columns.x[place] - at) < distance) {
        best = columns.x[place];
        distance = Math.abs(best - at);
      }
    }
    return best;
  }

  /** What a line has there: a value, or from the lowest to the highest of a pixel; empty where it has none. */
  function valueAt(columns, position, pixel) {
    const first = columns.place(position - pixel / 2), last = columns.place(position + pixel / 2);
    if (last - first > 1) {
      const { low, high } = columns.extremes(first, last);
      if (low < 0) return newllm.number(columns.y[first]);
      const [least, most] = [columns.y[low], columns.y[high]].map(newllm.number);
      return least === most ? least : `${least} ${newllm.text("to")} ${most}`;
    }
    const at = columns.nearest(position);
    return at >= 0 && Math.abs(columns.x[at] - position) <= pixel ? newllm.number(columns.y[at]) : "";
  }

  /** The next position with a point in that direction that is at least a pixel away. */
  newllm.nextPosition = function (chart, at, by, pixel) {
    let best = null;
    for (const line of chart.lines) {
      const columns = chart._columnsOf(line);
      if (!line.shown || !columns.length) continue;
      const place = by > 0 ? columns.place(at + pixel) : columns.place(at - pixel + pixel * 1e-9) - 1;
      if (place < 0 || place >= columns.length) continue;
      const next = columns.x[place];
      if (best === null || Math.abs(next - at) < Math.abs(best - at)) best = next;
    }
    return best ?? at;
  };
})(window.newllm);
