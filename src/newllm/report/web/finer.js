"use strict";
// Finer points of the lines that came in buckets, asked for where somebody looks closer.

(function (newllm) {
  /** Ask for what a chart shows, and for as much beside it as a smoothing window takes in. */
  newllm.finerPoints = async function (chart) {
    const { from, to, first, last, zoomed } = chart.view;
    const names = chart.lines.filter((line) => line.bucketed).map((line) => line.name);
    if (!chart.options.window || !zoomed || !names.length) return;
    const beside = (chart.smoothing.share * (to - from)) / 2;
    const start = Math.max(first, from - beside), end = Math.min(last, to + beside);
    let found = {};
    try {
      found = await chart.options.window(names, start, end, 2 * chart._size().width);
    } catch (error) {
      console.warn(`${chart.spec.id}: no finer points`, error); // the coarse ones stay
    }
    if (chart.gone || from !== chart.view.from || to !== chart.view.to) return;
    for (const line of chart.lines) {
      const points = found[line.name];
      if (!points) continue;
      const columns = new newllm.Columns(new Float64Array(0), new Float64Array(0));
      columns.append(points.x, points.y, points.middle);
      line.fine = { from: start, to: end, columns };
    }
    chart.draw();
  };
})(window.newllm);
