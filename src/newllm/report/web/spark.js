"use strict";
// A small curve for a list of runs: no axes, one colour, every spike in it.

(function (newllm) {
  /**
   * @param {HTMLCanvasElement} canvas drawn at the size it has on the page
   * @param {number[]} xs rising
   * @param {(number|null)[]} ys null or NaN where it is not finite
   * @param {{colour?: string, marks?: {first: number, last: number, severity: string}[]}} options
   */
  newllm.spark = function (canvas, xs, ys, { colour = "training", marks = [] } = {}) {
    const context = canvas.getContext("2d"), ratio = devicePixelRatio;
    const wide = canvas.clientWidth || canvas.width, high = canvas.clientHeight || canvas.height;
    [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(high * ratio)];
    context.scale(ratio, ratio);
    const columns = new newllm.Columns(new Float64Array(0), new Float64Array(0));
    columns.append(xs, ys);
    if (!columns.length) return;
    const [from, to] = [columns.x[0], columns.x[columns.length - 1]];
    const table = newllm.table([columns], from, to, Math.max(10, Math.round(wide)), false);
    const across = (x) => 2 + ((x - from) / (to - from || 1)) * (wide - 4);
    const palette = newllm.palette(canvas);
    shade(context, marks, across, { wide, high }, palette);
    const reach = newllm.reach(table, table.rows, from, to);
    const down = (y) => high - 3 - ((y - reach.low) / (reach.high - reach.low || 1)) * (high - 6);
    context.strokeStyle = context.fillStyle = palette(colour);
    context.lineWidth = 1.3;
    if (reach) trace(context, table, across, down);
    for (const { x } of table.off) context.fillRect(across(x) - 1, high - 3, 2, 3);
  };

  function shade(context, marks, across, { wide, high }, palette) {
    for (const { first, last, severity } of marks) {
      const left = Math.max(0, across(first) - 1), right = Math.min(wide, across(last) + 1);
      context.fillStyle = palette(severity);
      context.globalAlpha = 0.25;
      context.fillRect(left, 0, Math.max(2, right - left), high);
      context.globalAlpha = 1;
    }
  }

  function trace(context, { x, rows: [{ y }] }, across, down) {
    context.beginPath();
    let on = false;
    for (let at = 0; at < x.length; at++) {
      if (y[at] === undefined) continue;
      if (y[at] === null) on = false;
      else {
        if (on) context.lineTo(across(x[at]), down(y[at]));
        else context.moveTo(across(x[at]), down(y[at]));
        if (!on) context.lineTo(across(x[at]) + 0.01, down(y[at])); // a lone point is a dot
        on = true;
      }
    }
    context.lineCap = "round";
    context.stroke();
  }
})(window.newllm);
