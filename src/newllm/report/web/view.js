"use strict";
// Which stretch of an axis is looked at: zooming, moving, and following an end that grows.

(function (newllm) {
  class View {
    /**
     * @param {() => void} changed called after every change
     */
    constructor(changed) {
      this.changed = changed;
      this.first = 0; // all there is
      this.last = 1;
      this.smallest = 1e-9; // stretch that is still worth looking at
      this.from = 0; // what is shown
      this.to = 1;
    }

    get zoomed() {
      return this.from > this.first || this.to < this.last;
    }

    /** Tell what there is; who looks at everything goes on doing so. */
    limits(first, last, smallest) {
      const zoomed = this.zoomed;
      if (!(last > first)) [first, last] = [first - 0.5, first + 0.5];
      Object.assign(this, { first, last, smallest: Math.min(smallest, last - first) });
      if (!zoomed) [this.from, this.to] = [first, last];
    }

    /** Look at a stretch; it is kept within what there is. */
    set(from, to) {
      if (!(to > from)) return;
      const wide = Math.min(Math.max(to - from, this.smallest), this.last - this.first);
      const start = (from + to - wide) / 2;
      this.from = Math.min(Math.max(start, this.first), this.last - wide);
      this.to = wide === this.last - this.first ? this.last : this.from + wide;
      this.changed();
    }

    /** Show `factor` times as much (below 1: closer), what is at `at` staying where it is. */
    zoom(factor, at = (this.from + this.to) / 2) {
      const wide = Math.min(Math.max((this.to - this.from) * factor, this.smallest), this.last - this.first);
      const from = at - ((at - this.from) / (this.to - this.from)) * wide;
      this.set(from, from + wide);
    }

    /** Move by a share of what is shown. */
    pan(share) {
      const by = share * (this.to - this.from);
      this.set(this.from + by, this.to + by);
    }

    reset() {
      [this.from, this.to] = [this.first, this.last];
      this.changed();
    }
  }

  newllm.View = View;
})(window.newllm);
