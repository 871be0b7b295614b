"use strict";
/** A table of many rows of which only those that are seen are made. Rows have one height; the page scrolls. */
(() => {
  const { make } = newllm;
  const AROUND = 8; // rows that are made beyond the edge

  class Rows {
    /**
     * @param {HTMLTableElement} table with a head
     * @param {{draw: (item) => HTMLTableRowElement, key: (item) => string, stamp: (item) => string, seen?: (items) => void}} how
     */
    constructor(table, how) {
      Object.assign(this, { table, how, items: [], made: new Map() });
      this.before = make("tbody", { "aria-hidden": "true" }, make("tr", {}, make("td")));
      this.body = make("tbody");
      this.after = make("tbody", { "aria-hidden": "true" }, make("tr", {}, make("td")));
      table.append(this.before, this.body, this.after);
      const again = () => { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); };
      addEventListener("scroll", again, { passive: true });
      new ResizeObserver(again).observe(document.documentElement);
    }

    get height() {
      return parseFloat(getComputedStyle(this.table).getPropertyValue("--row")) || 48;
    }

    /** Show other items, or the same that have changed. */
    show(items) {
      this.items = items;
      this.table.setAttribute("aria-rowcount", items.length + 1);
      this.draw();
    }

    draw() {
      const { items, height } = this;
      const top = this.before.getBoundingClientRect().top;
      const first = Math.max(0, Math.min(items.length, Math.floor(-top / height) - AROUND));
      const last = Math.min(items.length, Math.ceil((innerHeight - top) / height) + AROUND);
      this._space(this.before, first * height);
      this._space(this.after, (items.length - last) * height);
      const seen = items.slice(first, last), kept = new Map();
      let place = this.body.firstChild;
      seen.forEach((item, at) => {
        const row = this._row(item, first + at);
        kept.set(this.how.key(item), row);
        if (row.element === place) place = place.nextSibling;
        else this.body.insertBefore(row.element, place);
      });
      for (const [key, row] of this.made) if (!kept.has(key)) row.element.remove();
      this.made = kept;
      this.how.seen?.(seen);
    }

    /** Draw every row anew: its columns are others. */
    forget() {
      for (const row of this.made.values()) row.element.remove();
      this.made.clear();
    }

    _row(item, at) {
      const key = this.how.key(item), stamp = this.how.stamp(item);
      const row = this.made.get(key);
      if (row && row.stamp === stamp) {
        row.element.setAttribute("aria-rowindex", at + 2);
        return row;
      }
      const element = this.how.draw(item, row?.element);
      element.setAttribute("aria-rowindex", at + 2);
      return { element, stamp };
    }

    _space(body, high) {
      body.firstChild.firstChild.style.height = `${Math.max(0, high)}px`;
      body.hidden = high <= 0 && body === this.after;
    }

    /** Bring an item on the screen and return its row. */
    reveal(at) {
      const { height } = this;
      const top = this.before.getBoundingClientRect().top + at * height;
      const head = 110;
      if (top < head) scrollBy({ top: top - head });
      else if (top + height > innerHeight - 20) scrollBy({ top: top + height - innerHeight + 20 });
      this.draw();
      return this.made.get(this.how.key(this.items[at]))?.element;
    }
  }

  newllm.Rows = Rows;
})();
