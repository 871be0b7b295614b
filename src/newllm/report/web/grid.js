"use strict";
// A heat map's numbers, rows by columns, and what of them falls into each pixel: that which stands out most.

(function (newllm) {
  class Grid {
    /**
     * @param {Float64Array|Float32Array} x position of each column, rising
     * @param {string[]} rows
     * @param {Float32Array} values row after row
     */
    constructor(x, rows, values) {
      Object.assign(this, { x, rows, values, columns: x.length });
      if (values.length !== x.length * rows.length) throw new Error(`${values.length} values of ${rows.length} rows by ${x.length}`);
      // A column reaches half way to the next; the axis begins and ends with what was measured.
      this.edges = new Float64Array(x.length + 1);
      for (let at = 1; at < x.length; at++) this.edges[at] = (x[at - 1] + x[at]) / 2;
      const alone = x.length > 1 ? 0 : 0.5;
      this.edges[0] = x[0] - alone;
      this.edges[x.length] = x[x.length - 1] + alone;
    }

    /** The column at a position. */
    column(position) {
      const at = newllm.firstAtLeast(this.edges, position);
      return Math.min(this.columns - 1, Math.max(0, this.edges[at] > position ? at - 1 : at));
    }

    /** The columns [first, last) that begin between two positions, at least the one in the middle. */
    within(from, to) {
      const first = newllm.firstAtLeast(this.edges, from), last = Math.min(this.columns, newllm.firstAtLeast(this.edges, to));
      if (first < last) return [first, last];
      const at = this.column((from + to) / 2);
      return [at, at + 1];
    }

    /** The same with half as many columns: of each two the one that stands out. */
    halved(ramp) {
      const half = Math.ceil(this.columns / 2), values = new Float32Array(half * this.rows.length);
      const better = ramp.centre === null ? null : (a, b) => ramp.outdoes(a, b);
      for (let row = 0; row < this.rows.length; row++) {
        const base = row * this.columns;
        for (let at = 0; at < half; at++) {
          const one = this.values[base + 2 * at], two = 2 * at + 1 < this.columns ? this.values[base + 2 * at + 1] : one;
          values[row * half + at] = one !== one || (better ? better(two, one) : two > one) ? two : one;
        }
      }
      const edges = Float64Array.from({ length: half + 1 }, (_, at) => this.edges[Math.min(2 * at, this.columns)]);
      return Object.assign(Object.create(Grid.prototype), { rows: this.rows, columns: half, values, edges });
    }

    /**
     * The coarsest of the halved grids that still has two columns for each of so many pixels; made where it is missing.
     * @returns {Grid}
     */
    coarse(from, to, wide, ramp) {
      const [first, last] = this.within(from, to);
      if (last - first < 4 * wide) return this;
      if (this.ramp !== ramp) this.half = null;
      this.ramp = ramp;
      this.half ??= this.halved(ramp);
      return this.half.coarse(from, to, wide, ramp);
    }

    /**
     * What an image of that size shows.
     * @param {number} from
     * @param {number} to
     * @param {number} wide pixels
     * @param {number} high at most as many as rows
     * @param {newllm.Ramp} ramp says what outdoes what
     * @returns {Float32Array} [high * wide], NaN where nothing was measured
     */
    image(from, to, wide, high, ramp) {
      const shown = new Float32Array(wide * high).fill(NaN);
      const bounds = this._bounds(from, to, wide);
      const better = ramp.centre === null ? null : (a, b) => ramp.outdoes(a, b);
      for (let row = 0; row < this.rows.length; row++) {
        const base = row * this.columns, line = Math.floor((row * high) / this.rows.length) * wide;
        for (let pixel = 0; pixel < wide; pixel++) {
          const best = this._best(base + bounds[2 * pixel], base + bounds[2 * pixel + 1], better);
          const there = shown[line + pixel];
          if (there !== there || (better ? better(best, there) : best > there)) shown[line + pixel] = best;
        }
      }
      return shown;
    }

    _bounds(from, to, wide) {
      const bounds = new Int32Array(2 * wide);
      for (let pixel = 0; pixel < wide; pixel++) {
        const [first, last] = this.within(from + ((to - from) * pixel) / wide, from + ((to - from) * (pixel + 1)) / wide);
        bounds[2 * pixel] = first;
        bounds[2 * pixel + 1] = last;
      }
      // The column that the left edge cuts begins before it.
      bounds[0] = Math.min(bounds[0], this.column(from));
      return bounds;
    }

    _best(first, last, better) {
      const { values } = this;
      let best = NaN;
      for (let at = first; at < last; at++) {
        const value = values[at];
        if (best !== best || (better ? better(value, best) : value > best)) best = value;
      }
      return best;
    }

    /** The lowest and the highest of a row between two positions, and of how many columns; null without a number. */
    extremes(row, from, to) {
      const [first, last] = this.within(from, to);
      let low = NaN, high = NaN;
      for (let at = row * this.columns + first; at < row * this.columns + last; at++) {
        const value = this.values[at];
        if (!(low <= value)) low = value === value ? value : low;
        if (!(high >= value)) high = value === value ? value : high;
      }
      return low === low ? { low, high, columns: last - first } : null;
    }
  }

  newllm.Grid = Grid;
})(window.newllm);
