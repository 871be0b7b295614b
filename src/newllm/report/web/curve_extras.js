"use strict";
// What is drawn around uPlot's lines: shaded marks and their labels, signs for what is not finite, names of the axes.

(function (newllm) {
  const SIGN = 3.5; // pixels

  const sides = ({ bbox }) => {
    const ratio = devicePixelRatio;
    return {
      left: bbox.left / ratio, top: bbox.top / ratio,
      right: (bbox.left + bbox.width) / ratio, bottom: (bbox.top + bbox.height) / ratio,
    };
  };

  /** Draw in CSS pixels with the state put back afterwards. */
  function pen(plot, draw) {
    const { ctx } = plot;
    ctx.save();
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ctx.font = newllm.plotFont;
    draw(ctx);
    ctx.restore();
  }

  const across = (chart, box) => {
    const { from, to } = chart.view;
    return (position) => box.left + ((position - from) / (to - from)) * (box.right - box.left);
  };

  /** Pixels that the labels of the marks take above the plot. */
  newllm.curveMarkRoom = function (chart, context) {
    context.save();
    context.font = newllm.plotFont;
    const box = chart.plot?.bbox?.width ? sides(chart.plot) : { left: 60, right: chart._size().width - newllm.RIGHT };
    const room = newllm.markRoom(newllm.placeMarks(context, chart.marks, across(chart, box), box.left, box.right, chart.rows));
    context.restore();
    return room;
  };

  /** Under the lines: what is shaded. */
  newllm.curvesUnder = function (chart) {
    // The round joins that uPlot asks for take longer and are not seen.
    chart.plot.ctx.lineJoin = "bevel";
    const box = sides(chart.plot);
    pen(chart.plot, (context) => {
      chart.placed = newllm.placeMarks(context, chart.marks, across(chart, box), box.left, box.right, chart.rows);
      newllm.shadeMarks(context, chart.placed, box, chart.palette);
      if (chart.spec.around) drawMiddle(context, chart, box);
    });
  };

  /** A line at the value in the middle of those that are in sight at least. */
  function drawMiddle(context, chart, box) {
    const y = chart.plot.valToPos((chart.spec.around[0] + chart.spec.around[1]) / 2, "y") + box.top;
    if (!(y >= box.top && y <= box.bottom)) return;
    context.fillStyle = chart.palette("muted");
    for (let at = box.left; at < box.right; at += 8) context.fillRect(at, y - 0.5, Math.min(4, box.right - at), 1);
  }

  /** Above them: labels, signs, names of the axes. */
  newllm.curvesAbove = function (chart) {
    const box = sides(chart.plot);
    pen(chart.plot, (context) => {
      newllm.labelMarks(context, chart.placed, box, chart.palette);
      context.fillStyle = chart.palette("muted");
      context.textBaseline = "alphabetic";
      context.textAlign = "left";
      context.fillText([chart.spec.unit, chart.smoothing.said].filter(Boolean).join(" · "), 2, 12);
      context.fillText(chart.spec.axis, 2, box.bottom + 17.5);
      for (const off of chart.table.off) drawOff(context, off, chart, box);
    });
    chart.stage.place(box);
    chart.stage.inSight(chart.view);
    chart.allButton.hidden = !chart.view.zoomed;
    chart.reading.follow();
  };

  /** A cross on the axis where a value is NaN, an arrow at the edge that it lies beyond. */
  function drawOff(context, { x, line, kind }, chart, box) {
    if (!chart.lines[line].shown) return;
    const at = across(chart, box)(x), y = kind === "high" ? box.top + SIGN + 1 : box.bottom - SIGN - 1;
    context.strokeStyle = context.fillStyle = chart.palette(chart.lines[line].colour);
    context.lineWidth = 1.6;
    context.beginPath();
    if (kind === "nan") {
      context.moveTo(at - SIGN, y - SIGN);
      context.lineTo(at + SIGN, y + SIGN);
      context.moveTo(at - SIGN, y + SIGN);
      context.lineTo(at + SIGN, y - SIGN);
      return context.stroke();
    }
    const tip = kind === "high" ? -SIGN : SIGN;
    context.moveTo(at, y + tip);
    context.lineTo(at + SIGN, y - tip);
    context.lineTo(at - SIGN, y - tip);
    context.fill();
  }

  /** What was drawn last, for tests and benchmarks: extremes by line, signs, and how long it took. */
  newllm.curvesDrawn = function (chart) {
    const { table, lines, view } = chart;
    const by = lines.map((line, at) => [line.name, {
      ...newllm.reach(table, [table.rows[at]], view.from, view.to),
      off: table.off.filter((off) => off.line === at).map(({ x, kind }) => ({ x, kind })),
    }]);
    return {
      from: view.from, to: view.to, log: chart.log, positions: table.x.length, lines: Object.fromEntries(by),
      milliseconds: performance.now() - chart.begun,
    };
  };
})(window.newllm);
