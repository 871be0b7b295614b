"use strict";
// One line's points, which may grow, and the lowest and the highest of any stretch of them.
//
// Every full block of points keeps where its lowest and highest are, so that a stretch of a million points costs
// some ten thousand looks. Values that are not finite are no extremes; their places are listed.

(function (newllm) {
  const BLOCK = 64;

  /** The first place of a rising list whose number is at least that. */
  newllm.firstAtLeast = function (numbers, wanted, length = numbers.length) {
    let low = 0, high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  class Columns {
    /**
     * @param {Float64Array|Float32Array} x rising
     * @param {Float64Array|Float32Array} y of the same length
     * @param {?Float32Array} low edges of a band, of the same length
     * @param {?Float32Array} high
     */
    constructor(x, y, low = null, high = null) {
      this.length = x.length;
      this.x = x instanceof Float64Array ? x : Float64Array.from(x);
      this.y = y;
      this.low = low;
      this.high = high;
      this.middle = null; // medians of stretches, where only the lowest and the highest of each are here
      this.broken = []; // places that are not finite
      this.lowest = []; // of each full block its place, -1 where none is finite
      this.highest = [];
      this._summarise(0);
    }

    /**
     * Add points; those that do not lie past the last one are left out: they are here already.
     * @param {?{x: number[], y: number[]}} middle medians of stretches, where the points are extremes
     */
    append(xs, ys, middle = null) {
      const before = this.length;
      if (middle) this.middle ??= new Columns(this.x.slice(0, before), this.y.slice(0, before));
      for (let at = 0; at < xs.length; at++) {
        if (this.length && !(xs[at] > this.x[this.length - 1])) continue;
        if (this.length === this.x.length) this._grow();
        this.x[this.length] = xs[at];
        this.y[this.length] = ys[at] ?? NaN; // JSON has null for what is not finite
        this.length++;
      }
      this._summarise(before);
      if (middle) this.middle.append(middle.x, middle.y);
      else this.middle?.append(this.x.subarray(before, this.length), this.y.subarray(before, this.length));
      return this.length - before;
    }

    /** The first place whose position is at least that. */
    place(position) {
      return newllm.firstAtLeast(this.x, position, this.length);
    }

    /** The place nearest to a position, -1 without a point. */
    nearest(position) {
      const at = this.place(position);
      if (at === 0) return this.length ? 0 : -1;
      return at === this.length || position - this.x[at - 1] <= this.x[at] - position ? at - 1 : at;
    }

    /** Places of the lowest and the highest finite value of [first, last), -1 both without one. */
    extremes(first, last) {
      const { y, lowest, highest } = this;
      let low = -1, high = -1;
      for (let at = first; at < last; ) {
        let lower = at, higher = at;
        if (at % BLOCK === 0 && at + BLOCK <= last) {
          [lower, higher] = [lowest[at / BLOCK], highest[at / BLOCK]];
          at += BLOCK;
        } else if (Number.isFinite(y[at++]) === false) continue;
        if (lower < 0) continue;
        if (low < 0 || y[lower] < y[low]) low = lower;
        if (high < 0 || y[higher] > y[high]) high = higher;
      }
      return { low, high };
    }

    /** The places in [first, last) that are not finite. */
    brokenWithin(first, last) {
      if (!this.broken.length) return this.broken;
      return this.broken.slice(newllm.firstAtLeast(this.broken, first), newllm.firstAtLeast(this.broken, last));
    }

    _grow() {
      const larger = (old) => {
        const made = new old.constructor(Math.max(256, 2 * old.length));
        made.set(old);
        return made;
      };
      this.x = larger(this.x);
      this.y = larger(this.y);
    }

    _summarise(from) {
      for (let at = from; at < this.length; at++) if (!Number.isFinite(this.y[at])) this.broken.push(at);
      for (let block = this.lowest.length; (block + 1) * BLOCK <= this.length; block++) {
        const { low, high } = this._scanned(block * BLOCK);
        this.lowest.push(low);
        this.highest.push(high);
      }
    }

    _scanned(first) {
      let low = -1, high = -1;
      for (let at = first; at < first + BLOCK; at++) {
        if (!Number.isFinite(this.y[at])) continue;
        if (low < 0 || this.y[at] < this.y[low]) low = at;
        if (high < 0 || this.y[at] > this.y[high]) high = at;
      }
      return { low, high };
    }
  }

  newllm.Columns = Columns;
})(window.newllm);
