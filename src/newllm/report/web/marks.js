"use strict";
// What is shaded on a plot: a band over the plot and its label above it, in rows, so that labels do not overlap.

(function (newllm) {
  const ROW = 16; // pixels
  const MOST_ROWS = 2;
  const SEVERITIES = ["fault", "warning", "planned", "note", "good"];

  /**
   * Give every mark that is in sight its place: labels of what matters most first, each in the first row with room.
   * Quiet marks have none: they are told under the cursor.
   * @param {CanvasRenderingContext2D} context with the font of the labels set
   * @param {{first: number, last: number, severity: string, label: string, quiet: boolean}[]} marks
   * @param {(position: number) => number} across from a position to pixels
   * @param {number} left edge of the plot
   * @param {number} right
   * @param {number} [most] rows of labels
   * @returns {{mark: object, left: number, right: number, row: number, at: number, text: string}[]} row -1: no room
   */
  newllm.placeMarks = function (context, marks, across, left, right, most = MOST_ROWS) {
    const rows = Array.from({ length: most }, () => []);
    return marks
      .map((mark) => ({ mark, left: across(mark.first), right: across(mark.last) }))
      .filter((placed) => placed.right >= left && placed.left <= right)
      .sort((a, b) => SEVERITIES.indexOf(a.mark.severity) - SEVERITIES.indexOf(b.mark.severity) || a.left - b.left)
      .map((placed) => ({ ...placed, ...labelled(context, placed, rows, left, right) }));
  };

  function labelled(context, placed, rows, left, right) {
    const text = shortened(context, placed.mark.label, Math.min(260, right - left - 16));
    const wide = context.measureText(text).width + 24;
    const at = Math.min(Math.max(placed.left - 5, left), right - wide);
    const row = placed.mark.quiet ? -1 : rows.findIndex((taken) => taken.every(([from, to]) => at >= to || at + wide <= from));
    if (row >= 0) rows[row].push([at, at + wide]);
    return { text, at, row };
  }

  function shortened(context, text, room) {
    if (context.measureText(text).width <= room) return text;
    let length = text.length;
    while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length--;
    return `${text.slice(0, length)}…`;
  }

  /** Pixels that the labels take above the plot. */
  newllm.markRoom = (placed) => ROW * (1 + Math.max(-1, ...placed.map(({ row }) => row)));

  /**
   * Shade the marks.
   * @param {CanvasRenderingContext2D} context in CSS pixels
   * @param {ReturnType<typeof newllm.placeMarks>} placed
   * @param {{left: number, top: number, right: number, bottom: number}} box the plot
   * @param {(name: string) => string} colour
   */
  newllm.shadeMarks = function (context, placed, box, colour) {
    for (const { mark, left, right } of placed) {
      const wide = Math.max(3, right - left);
      const start = Math.max(box.left, (left + right - wide) / 2), stop = Math.min(box.right, (left + right + wide) / 2);
      if (stop <= start) continue;
      context.fillStyle = colour(mark.severity);
      if (mark.severity === "planned") {
        for (let at = box.top - 2; at < box.bottom; at += 6) context.fillRect((left + right) / 2 - 0.5, at, 1, 3);
        continue;
      }
      context.globalAlpha = 0.14;
      context.fillRect(start, box.top, stop - start, box.bottom - box.top);
      context.globalAlpha = 1;
      context.fillRect(start, box.top - 2, stop - start, 2);
    }
  };

  /** Mark stretches of a picture that must not be shaded: a bar above it, thin lines down its ends. */
  newllm.barMarks = function (context, placed, box, colour) {
    for (const { mark, left, right } of placed) {
      const start = Math.max(box.left, Math.min(left, right - 3)), stop = Math.min(box.right, Math.max(right, left + 3));
      if (stop <= start) continue;
      context.fillStyle = context.strokeStyle = colour(mark.severity);
      context.fillRect(start, box.top - 4, stop - start, 3);
      context.setLineDash([2, 4]);
      context.lineWidth = 1;
      context.beginPath();
      for (const at of [left, right]) {
        if (at < box.left || at > box.right) continue;
        context.moveTo(at, box.top);
        context.lineTo(at, box.bottom);
      }
      context.stroke();
      context.setLineDash([]);
    }
  };

  /** Write the labels, each with the sign of its severity, so that it is told without colours as well. */
  newllm.labelMarks = function (context, placed, box, colour) {
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { mark, row, at, text } of placed) {
      if (row < 0) continue;
      const middle = box.top - 4 - ROW * (row + 0.5);
      context.fillStyle = colour(mark.severity);
      newllm.sign(context, mark.severity, at + 6, middle, 4);
      context.fillStyle = colour("ink");
      context.fillText(text, at + 14, middle + 0.5);
    }
  };

  const CROSS = [[-0.64, -1], [0, -0.36], [0.64, -1], [1, -0.64], [0.36, 0], [1, 0.64]]; // the other half is the same, turned

  /** The sign of a severity as in the list: a cross, a triangle, a disc, or a ring; of what was planned a flag. */
  newllm.sign = function (context, severity, x, y, size) {
    context.beginPath();
    if (severity === "fault") {
      for (const way of [1, -1]) for (const [right, down] of CROSS) context.lineTo(x + way * size * right, y + way * size * down);
      context.closePath();
    } else if (severity === "warning") {
      context.moveTo(x, y - size);
      context.lineTo(x + size, y + size);
      context.lineTo(x - size, y + size);
      context.closePath();
    } else if (severity === "planned") {
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y - size / 2);
      context.lineTo(x - size + 1.5, y);
      context.lineTo(x - size + 1.5, y + size);
      context.lineTo(x - size, y + size);
      context.closePath();
    } else context.arc(x, y, severity === "good" ? size - 1 : size, 0, 2 * Math.PI);
    if (severity === "good") {
      context.strokeStyle = context.fillStyle;
      context.lineWidth = 2;
      context.stroke();
    } else context.fill();
  };
})(window.newllm);
