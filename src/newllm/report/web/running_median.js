"use strict";
// The trend of a line: a centred running median, which neither follows a spike nor lags behind, and what leaves it.
//
// The window is a stretch of positions. At both ends of the data it shrinks on both sides alike, so that the last value
// is that of the last point and no mean of what came before. What is infinite counts by its sign, what is NaN not at
// all, and the trend breaks where the line does. The median of the logarithms is the logarithm of the median (of an even
// count the lower of the two middles is taken), so that one trend holds for both scales.
//
// Of many points the medians of 9, of 81, of 729 ... take part, so that no drawing looks at more than some thousands.

(function (newllm) {
  const EVERY = 9; // odd: the median of a group is one of its points, in its middle
  const MOST = 8192; // points of a window's level in sight
  const BEYOND = 8; // times the usual deviation from the usual distance, from which a point leaves the trend
  const SEEN = 0.01; // of the values' axis: what leaves it by less cannot be told from it anyway

  /** Numbers in order, to which one can be added and from which one can be taken. */
  class Ordered {
    constructor() {
      this.length = 0;
      this.numbers = new Float64Array(64);
    }

    add(value) {
      if (this.length === this.numbers.length) {
        const larger = new Float64Array(2 * this.length);
        larger.set(this.numbers);
        this.numbers = larger;
      }
      const at = newllm.firstAtLeast(this.numbers, value, this.length);
      this.numbers.copyWithin(at + 1, at, this.length++);
      this.numbers[at] = value;
    }

    take(value) {
      const at = newllm.firstAtLeast(this.numbers, value, this.length);
      this.numbers.copyWithin(at, at + 1, this.length--);
    }

    get median() {
      return this.length ? this.numbers[(this.length - 1) >> 1] : NaN;
    }
  }

  /**
   * The running median of [first, last) of some points.
   * @param {{x: number[], y: number[], length: number}} points x rising
   * @param {number} half of the window, in positions
   * @returns {Float64Array} NaN where the point itself is NaN
   */
  newllm.runningMedian = function ({ x, y, length }, first, last, half) {
    const found = new Float64Array(Math.max(0, last - first));
    const window = new Ordered();
    const start = x[0], end = x[length - 1], slack = 1e-9 * (end - start);
    let left = first, right = first; // the window is [left, right)
    while (left > 0 && x[left - 1] >= x[first] - half - slack) left--;
    right = left;
    for (let at = first; at < last; at++) {
      const reach = Math.min(half, x[at] - start, end - x[at]) + slack;
      for (; right < length && x[right] <= x[at] + reach; right++) if (!Number.isNaN(y[right])) window.add(y[right]);
      for (; x[left] < x[at] - reach; left++) if (!Number.isNaN(y[left])) window.take(y[left]);
      found[at - first] = Number.isNaN(y[at]) ? NaN : window.median;
    }
    return found;
  };

  /** The points of a line of which so many are in sight that they can be gone through, or medians of them. */
  function levelOf(columns, from, to) {
    for (let level = 0; ; level++) {
      const points = medians(columns, level);
      const first = newllm.firstAtLeast(points.x, from, points.length), last = newllm.firstAtLeast(points.x, to, points.length);
      if (last - first <= MOST) return { points, first: Math.max(0, first - 1), last: Math.min(points.length, last + 1) };
    }
  }

  function medians(columns, level) {
    if (!level) return columns.middle ?? columns;
    const lower = medians(columns, level - 1), made = ((columns.medians ??= [])[level] ??= { x: [], y: [], length: 0 });
    const group = new Ordered();
    for (; (made.length + 1) * EVERY <= lower.length; made.length++) {
      const first = made.length * EVERY;
      for (let at = first; at < first + EVERY; at++) if (!Number.isNaN(lower.y[at])) group.add(lower.y[at]);
      made.x.push(lower.x[first + (EVERY >> 1)]);
      made.y.push(group.median);
      group.length = 0;
    }
    return made;
  }

  /**
   * The trend of a line in a stretch.
   * @param {newllm.Columns} columns
   * @param {number} share of the stretch, that the window is wide
   * @returns {?{x: ArrayLike<number>, y: Float64Array}} null where no window has more than one point
   */
  newllm.trend = function (columns, from, to, share) {
    const { points, first, last } = levelOf(columns, from, to);
    const half = (share * (to - from)) / 2, x = points.x.slice(first, last);
    const apart = x.length > 1 ? (x[x.length - 1] - x[0]) / (x.length - 1) : Infinity;
    return half < apart ? null : { x, y: newllm.runningMedian(points, first, last, half) };
  };

  /** The trend at a position, between two of its points by a straight line; NaN where it has none. */
  newllm.trendAt = ({ x, y }, position) => between(x, y, newllm.firstAtLeast(x, position), position);

  function between(x, y, after, position) {
    if (after === x.length || x[after] === position || after === 0) return y[Math.min(after, x.length - 1)];
    const [low, high] = [y[after - 1], y[after]];
    if (Number.isNaN(low) || Number.isNaN(high)) return Number.isNaN(low) ? high : low;
    return low + ((high - low) * (position - x[after - 1])) / (x[after] - x[after - 1]);
  }

  /** The trend where a row of a table has values: null where that breaks, or the axis has no place for it. */
  newllm.trendRow = function (trend, x, row, log) {
    const drawn = new Array(x.length);
    let after = 0;
    for (let slot = 0; slot < x.length; slot++) {
      if (row[slot] === undefined) continue;
      while (after < trend.x.length && trend.x[after] < x[slot]) after++;
      const value = row[slot] === null ? NaN : between(trend.x, trend.y, after, x[slot]);
      drawn[slot] = Number.isFinite(value) && (!log || value > 0) ? value : null;
    }
    return drawn;
  };

  /** The distance from which a point in [start, end) leaves the trend. */
  function limit(distances, start, end) {
    const near = Float64Array.from(distances.slice(Math.max(0, start), end).filter((distance) => !Number.isNaN(distance))).sort();
    const usual = near[near.length >> 1], deviation = near.map((distance) => Math.abs(distance - usual)).sort()[near.length >> 1];
    return near.length ? usual + BEYOND * deviation : 0;
  }

  /**
   * What of a row leaves its trend, with the points beside it, so that it is drawn as it would be without one.
   *
   * A point leaves it where its distance exceeds the usual one around there (the median over three fortieths of the
   * row) by so many times the usual deviation from that, measured on the scale that is shown.
   * @param {Array} row as of a table
   * @param {Array} trend `trendRow` of it
   * @param {[number, number]} range of the values' axis
   */
  newllm.leaving = function (row, trend, [low, high], log) {
    const scaled = log ? Math.log : (value) => value;
    const slots = [], distances = [];
    for (let slot = 0; slot < row.length; slot++) {
      if (row[slot] === undefined) continue;
      slots.push(slot);
      distances.push(row[slot] === null || trend[slot] === null ? NaN : Math.abs(scaled(row[slot]) - scaled(trend[slot])));
    }
    const length = slots.length, part = Math.max(25, Math.ceil(length / 40)), limits = [];
    for (let start = 0; start < length; start += part) limits.push(limit(distances, start - part, start + 2 * part));
    const least = SEEN * (scaled(high) - scaled(low));
    const leaves = (at) => {
      if (row[slots[at]] === null || row[slots[at]] === undefined) return false;
      // Without a trend to leave, the value itself is all there is to see.
      return Number.isNaN(distances[at]) || (distances[at] > least && distances[at] > limits[Math.floor(at / part)]);
    };
    const drawn = new Array(row.length).fill(null);
    let before = false, now = leaves(0), goesOn = false;
    for (let at = 0; at < length; at++) {
      const next = at + 1 < length && leaves(at + 1), shown = before || now || next;
      if (shown) drawn[slots[at]] = row[slots[at]];
      if (shown && goesOn) drawn.fill(undefined, slots[at - 1] + 1, slots[at]); // positions of other lines break it not
      [before, now, goesOn] = [now, next, shown];
    }
    return drawn;
  };
})(window.newllm);
