"use strict";
// Reading curves: where the cursor is, what the lines have there, and how it is told.

(function (newllm) {
  class CurveReading {
    /** @param {object} chart the curves, drawn or not yet */
    constructor(chart) {
      this.chart = chart;
      this.at = null; // position of the cursor
      this.told = "";
    }

    get centre() {
      return this.at ?? (this.chart.view.from + this.chart.view.to) / 2;
    }

    get _wide() {
      return this.chart.plot.bbox.width / devicePixelRatio;
    }

    get _pixel() {
      return (this.chart.view.to - this.chart.view.from) / this._wide;
    }

    /** Show the values that many pixels from the plot's left edge, null for none. */
    read(left) {
      const { chart } = this;
      if (!chart.plot) return;
      this.at = left === null ? null : chart.view.from + left * this._pixel;
      chart.stage.cursor(left);
      this.told = valuesAt(chart, this.at, this._pixel);
    }

    /** Put the cursor where it belongs after the plot was drawn anew. */
    follow() {
      this.chart.stage.cursor(this.at === null ? null : this._left(this.at));
    }

    /** Move the cursor to the next point, or by a pixel where points are closer than that. */
    step(by) {
      const { chart } = this, { view } = chart;
      if (!chart.plot) return;
      const next = nextPosition(chart, this.centre, by, this._pixel);
      const beyond = next < view.from ? next - view.from : Math.max(0, next - view.to);
      if (beyond) view.pan(beyond / (view.to - view.from) + 0.25 * by);
      this.at = next;
      this.tell();
    }

    /** Tell who cannot see it the values at the cursor, or else what is in sight. */
    tell() {
      const { chart } = this, { from, to } = chart.view;
      if (this.at !== null) this.read(this._left(Math.min(Math.max(this.at, from), to)));
      const shown = `${chart.spec.axis} ${newllm.positionText(chart.spec, from)} ${newllm.text("to")} ${newllm.positionText(chart.spec, to)}`;
      chart.stage.say(this.at === null ? shown : this.told);
    }

    _left(position) {
      return (position - this.chart.view.from) / this._pixel;
    }
  }

  /**
   * Show the values at a position in the legend.
   * @param {object} chart
   * @param {?number} at null: none
   * @param {number} pixel how much of the axis a pixel is: all its points are told, from the lowest to the highest
   * @returns {string} the same as a sentence
   */
  function valuesAt(chart, at, pixel) {
    const { stage, lines, spec, marks } = chart;
    if (at === null) {
      stage.where.textContent = "";
      lines.forEach((line) => line.tell(""));
      return "";
    }
    const nearest = nearestPosition(chart, at);
    const told = lines.filter((line) => line.shown).map((line) => {
      const value = valueAt(chart.columnsOf(line), nearest, pixel), smoothed = value && chart.smoothing.at(line, nearest);
      const text = smoothed ? `${value} (${smoothed})` : value;
      line.tell(text);
      return text && `${line.label} ${text}`;
    });
    const within = marks.filter((mark) => mark.first - pixel <= nearest && nearest <= mark.last + pixel);
    const where = `${spec.axis} ${newllm.positionText(spec, nearest)}`;
    stage.where.textContent = [where, ...within.map((mark) => mark.label)].join(" · ");
    return [where, ...told.filter(Boolean), ...within.map((mark) => mark.label)].join(", ");
  }

  function nearestPosition(chart, at) {
    let best = at, distance = Infinity;
    for (const line of chart.lines) {
      const columns = chart.columnsOf(line);
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
  function nextPosition(chart, at, by, pixel) {
    let best = null;
    for (const line of chart.lines) {
      const columns = chart.columnsOf(line);
      if (!line.shown || !columns.length) continue;
      const place = by > 0 ? columns.place(at + pixel) : columns.place(at - pixel + pixel * 1e-9) - 1;
      if (place < 0 || place >= columns.length) continue;
      const next = columns.x[place];
      if (best === null || Math.abs(next - at) < Math.abs(best - at)) best = next;
    }
    return best ?? at;
  }

  newllm.CurveReading = CurveReading;
})(window.newllm);
