"use strict";
// What of the lines is drawn: every point where there are few, else the lowest and the highest of about a pixel each.
//
// All lines of a plot share their positions, as uPlot wants it: a line that has no point at one has `undefined` there
// (the line goes on), one that breaks has `null`. In a bucket the two extremes stand in the order they came in.

(function (newllm) {
  const FEW = 2; // points a pixel that are still drawn as they are

  /**
   * @typedef {{y: Array, low: ?Array, high: ?Array, points: number}} Row `points`: how many it stands for
   * @typedef {{x: number[], rows: Row[], off: {x: number, line: number, kind: string}[]}} Table
   *   `off`: what has no place on the values' axis: "nan", "high" (infinite) or "low" (-infinite, not above 0 on a log).
   *
   * @param {newllm.Columns[]} lines
   * @param {number} from
   * @param {number} to
   * @param {number} pixels
   * @param {boolean} log
   * @returns {Table}
   */
  newllm.table = function (lines, from, to, pixels, log) {
    const parts = lines.map((columns) => {
      const first = columns.place(from);
      let last = columns.place(to);
      while (last < columns.length && columns.x[last] <= to) last++;
      return { columns, first, last, log };
    });
    const most = Math.max(0, ...parts.map((part) => part.last - part.first));
    const positions = most <= FEW * pixels ? union(parts, 2 * FEW * pixels) : null;
    const table = positions ? exact(parts, positions, log) : bucketed(parts, from, to, pixels, log);
    parts.forEach((part, at) => (table.rows[at].points = part.last - part.first));
    return table;
  };

  /** All positions of the parts and of one point beyond each end; null where there are too many. */
  function union(parts, most) {
    let all = [];
    for (const { columns, first, last } of parts) {
      const own = columns.x.subarray(Math.max(0, first - 1), Math.min(columns.length, last + 1));
      all = merged(all, own);
      if (all.length > most) return null;
    }
    return all;
  }

  function merged(a, b) {
    const both = [];
    for (let i = 0, j = 0; i < a.length || j < b.length; ) {
      const next = j >= b.length || a[i] <= b[j] ? a[i] : b[j];
      if (a[i] === next) i++;
      if (b[j] === next) j++;
      both.push(next);
    }
    return both;
  }

  /** A number as it is drawn: null where it has no place on the axis. */
  const drawn = (value, log) => (Number.isFinite(value) && (!log || value > 0) ? value : null);

  function offKind(value, log) {
    if (Number.isNaN(value)) return "nan";
    if (value === Infinity) return "high";
    return value === -Infinity || (log && value <= 0) ? "low" : null;
  }

  function exact(parts, x, log) {
    const off = [];
    const rows = parts.map(({ columns, first, last }, line) => {
      const row = emptyRow(x.length, columns);
      let slot = 0;
      for (let at = Math.max(0, first - 1); at < Math.min(columns.length, last + 1); at++) {
        while (x[slot] < columns.x[at]) slot++;
        const value = columns.y[at];
        row.y[slot] = drawn(value, log);
        if (row.low) [row.low[slot], row.high[slot]] = [drawn(columns.low[at], log), drawn(columns.high[at], log)];
        const kind = at >= first && at < last && row.y[slot] === null ? offKind(value, log) : null;
        if (kind) off.push({ x: columns.x[at], line, kind });
      }
      return row;
    });
    return { x, rows, off };
  }

  function emptyRow(length, columns) {
    const banded = columns.low !== null;
    return {
      y: new Array(length), low: banded ? new Array(length) : null, high: banded ? new Array(length) : null,
    };
  }

  function bucketed(parts, from, to, pixels, log) {
    const wide = (to - from) / pixels;
    const before = outside(parts, ({ columns, first }) => (first > 0 ? columns.x[first - 1] : null));
    const after = outside(parts, ({ columns, last }) => (last < columns.length ? columns.x[last] : null));
    const x = [...before];
    for (let bucket = 0; bucket < pixels; bucket++) x.push(from + (bucket + 0.25) * wide, from + (bucket + 0.75) * wide);
    x.push(...after);
    const off = [];
    const rows = parts.map((part, line) => {
      const row = emptyRow(x.length, part.columns);
      fillBuckets(part, row, before.length, { from, wide, pixels, line, off });
      single(part, part.first - 1, x, row);
      single(part, part.last, x, row);
      return row;
    });
    return { x, rows, off };
  }

  /** Positions of the points next to the shown ones, so that a line goes on to the edge. */
  function outside(parts, position) {
    return [...new Set(parts.map(position).filter((at) => at !== null))].sort((a, b) => a - b);
  }

  function single({ columns, log }, at, x, row) {
    if (at < 0 || at >= columns.length) return;
    const slot = newllm.firstAtLeast(x, columns.x[at]);
    row.y[slot] = drawn(columns.y[at], log);
    if (row.low) [row.low[slot], row.high[slot]] = [drawn(columns.low[at], log), drawn(columns.high[at], log)];
  }

  function fillBuckets(part, row, offset, { from, wide, pixels, line, off }) {
    const { columns, last, log } = part;
    let start = part.first;
    for (let bucket = 0; bucket < pixels && start < last; bucket++) {
      const edge = from + (bucket + 1) * wide;
      if (columns.x[start] >= edge && bucket < pixels - 1) continue;
      const stop = bucket === pixels - 1 ? last : Math.min(last, placeFrom(columns, edge, start, last));
      const kinds = fillBucket(part, start, stop, row, offset + 2 * bucket);
      for (const kind of kinds) off.push({ x: from + (bucket + 0.5) * wide, line, kind });
      start = stop;
    }
  }

  /** `columns.place` of a position that is known to lie in [start, last]. */
  function placeFrom(columns, position, start, last) {
    let step = 1;
    while (start + step < last && columns.x[start + step] < position) step *= 2;
    let low = start, high = Math.min(last, start + step);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (columns.x[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Write the extremes of [start, stop) at a slot and the next one; return what kinds of values had no place. */
  function fillBucket({ columns, log }, start, stop, row, slot) {
    let { low, high } = columns.extremes(start, stop);
    const kinds = offKinds(columns, columns.brokenWithin(start, stop), log);
    if (log && low >= 0 && columns.y[low] <= 0) {
      if (!kinds.includes("low")) kinds.push("low");
      ({ low, high } = positive(columns, start, stop));
    }
    if (low < 0) row.y[slot] = null;
    else {
      row.y[slot] = columns.y[Math.min(low, high)];
      if (low !== high) row.y[slot + 1] = columns.y[Math.max(low, high)];
    }
    if (row.low) fillBand(columns, start, stop, row, slot, log);
    return kinds;
  }

  function offKinds({ y }, places, log) {
    return places.length ? [...new Set(places.map((at) => offKind(y[at], log)))] : [];
  }

  function positive({ y }, start, stop) {
    let low = -1, high = -1;
    for (let at = start; at < stop; at++) {
      if (!(y[at] > 0 && y[at] < Infinity)) continue;
      if (low < 0 || y[at] < y[low]) low = at;
      if (high < 0 || y[at] > y[high]) high = at;
    }
    return { low, high };
  }

  function fillBand(columns, start, stop, row, slot, log) {
    let low = Infinity, high = -Infinity;
    for (let at = start; at < stop; at++) {
      if (drawn(columns.low[at], log) !== null) low = Math.min(low, columns.low[at]);
      if (drawn(columns.high[at], log) !== null) high = Math.max(high, columns.high[at]);
    }
    row.low[slot] = low < Infinity ? low : null;
    row.high[slot] = high > -Infinity ? high : null;
    if (row.y[slot + 1] !== undefined) [row.low[slot + 1], row.high[slot + 1]] = [row.low[slot], row.high[slot]];
  }

  /**
   * The lowest and the highest that a table shows between two positions, bands included; null without a value.
   * @param {Table} table
   * @param {Row[]} rows those to look at
   */
  newllm.reach = function ({ x }, rows, from, to) {
    const first = newllm.firstAtLeast(x, from);
    let low = Infinity, high = -Infinity;
    for (let at = first; at < x.length && x[at] <= to; at++) {
      for (const row of rows) {
        for (const value of row.low ? [row.y[at], row.low[at], row.high[at]] : [row.y[at]]) {
          if (value < low && value !== null) low = value;
          if (value > high && value !== null) high = value;
        }
      }
    }
    return low <= high ? { low, high } : null;
  };
})(window.newllm);
