"use strict";
// Smoothing of curves: the trend is drawn strong, all points faint behind it, and what leaves the trend as strong as ever.
//
// It is one choice for all curves of a page, and stays while the page does. Small curves beside a finding are evidence:
// they are never smoothed.

(function (newllm) {
  const SHARES = [0, 0.005, 0.01, 0.02, 0.05, 0.1]; // of what is shown, that the window is wide
  const BEHIND = 0.32; // opacity of the points behind a trend
  const FEWEST = 50; // points of a line that is worth smoothing
  const WIDE = 2; // pixels of the trend

  const charts = new Set();
  let level = 0;

  /** Smooth all curves of the page, 0: not at all. */
  newllm.smooth = function (chosen) {
    level = chosen;
    for (const chart of charts) chart.smoothing.changed();
  };

  class CurveSmoothing {
    /** @param {object} chart the curves, whose tools and legend are there already */
    constructor(chart) {
      this.chart = chart;
      this.trends = [];
      this.small = chart.stage.figure.classList.contains("small");
      if (this.small) return;
      charts.add(chart);
      const make = newllm.element;
      this.slider = make("input", "", "", { type: "range", min: 0, max: SHARES.length - 1, step: 1 });
      this.label = make("label", "plot-smooth", newllm.text("smoothing"));
      this.label.append(this.slider);
      this.slider.addEventListener("input", () => newllm.smooth(Number(this.slider.value)));
      chart.logButton.before(this.label); // "Show all" comes and goes at its left, and moves nothing
      this._tell();
    }

    get on() {
      return level > 0 && !this.small;
    }

    /** Opacity of a line's own points: they stand back where its trend is drawn. */
    behind(at) {
      return this.trends[at] ? BEHIND : 1;
    }

    get share() {
      return this.small ? 0 : SHARES[level];
    }

    next() {
      if (!this.small && !this.label.hidden) newllm.smooth((level + 1) % SHARES.length);
    }

    /** Something else was chosen on this page. */
    changed() {
      this._tell();
      this.chart.draw();
      this.chart.askFiner();
    }

    end() {
      charts.delete(this.chart);
    }

    _tell() {
      const share = newllm.text("smoothing-share").replace("{n}", String(100 * SHARES[level]));
      this.slider.value = level;
      this.slider.setAttribute("aria-valuetext", level ? share : newllm.text("smoothing-off"));
    }

    /** Only what has enough points can be smoothed. */
    offer() {
      if (!this.small) this.label.hidden = !this.chart.lines.some(({ columns }) => columns.length >= FEWEST);
    }

    /** What is drawn of every line beside its points: what leaves its trend, and the trend; nothing of either. */
    rows() {
      const { chart } = this, { from, to } = chart.view;
      this.offer();
      this.trends = chart.lines.map((line) => (this.on && line.shown ? newllm.trend(chart.columnsOf(line), from, to, this.share) : null));
      return this.trends.flatMap((trend, at) => {
        if (!trend) return [[], []]; // what is too short for a window is drawn as it is
        const row = chart.table.rows[at].y;
        const drawn = newllm.trendRow(trend, chart.table.x, row, chart.log);
        return [newllm.leaving(row, drawn, chart.range, chart.log), drawn];
      });
    }

    /** The series of uPlot of those rows; `first` is the place of the first. */
    static series(lines, first, palette) {
      return lines.flatMap((line, at) => {
        const colour = () => palette()(line.colour);
        const alpha = line.faint ? newllm.FAINT : 1;
        line.own = first + 2 * at;
        const one = { label: line.label, stroke: colour, alpha, spanGaps: false };
        const points = { size: 5, stroke: colour, fill: colour, filter: (plot, which) => newllm.lonelyDots(plot, which) };
        return [{ ...one, points }, { ...one, width: line.faint ? 1 : WIDE, points: { show: false } }];
      });
    }

    /** "smoothed 2.31" at a position, empty without a trend there. */
    at(line, position) {
      const trend = this.trends[this.chart.lines.indexOf(line)];
      const value = trend ? newllm.trendAt(trend, position) : NaN;
      return Number.isNaN(value) ? "" : `${newllm.text("smoothed")} ${newllm.number(value)}`;
    }

    /** How it is smoothed, in words for the plot's corner; empty where it is not. */
    get said() {
      if (!this.on || !this.trends.some(Boolean)) return "";
      const wide = this.share * (this.chart.view.to - this.chart.view.from);
      return newllm.text("smoothing-over").replace("{n}", newllm.number(Number(wide.toPrecision(2)))).replace("{axis}", this.chart.spec.axis);
    }
  }

  newllm.CurveSmoothing = CurveSmoothing;
})(window.newllm);
