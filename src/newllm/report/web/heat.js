"use strict";
// Heat maps: rows (layers, positions) by columns (steps), zoomed and read like the curves.

(function (newllm) {
  class Heat {
    /**
     * @param {HTMLElement} figure
     * @param {object} spec `Heat.as_dict()` of Python
     * @param {newllm.Grid} grid its numbers
     */
    constructor(figure, spec, grid) {
      this.stage = new newllm.Stage(figure, { title: spec.title, help: "helpHeat" });
      this.view = new newllm.View(() => this.draw());
      this.canvas = newllm.element("canvas", "plot-canvas");
      this.rowMark = newllm.element("div", "plot-row");
      this.rowMark.hidden = true;
      this.stage.over.append(this.rowMark);
      this.stage.plot.prepend(this.canvas);
      this.rampCanvas = newllm.element("canvas", "plot-ramp");
      this.stage.head.append(this.stage.where, this.rampCanvas);
      this.allButton = this.stage.button(newllm.text("all"), () => this.view.reset());
      this.at = null; // position and row of the cursor
      this.row = 0;
      newllm.gestures(this.stage, this.view, (left, top) => this._point(left, top));
      newllm.keys(this.stage.plot, this.view, {
        step: (by) => this._step(by), row: (by) => this._toRow(by), moved: () => this._tell(),
        centre: () => this.at ?? (this.view.from + this.view.to) / 2,
      });
      this.stop = newllm.onColours(() => this.drawNow());
      this.resized = new ResizeObserver(() => this.draw());
      this.resized.observe(this.stage.plot);
      this._take(spec, grid);
    }

    get shown() {
      return { from: this.view.from, to: this.view.to };
    }

    /** Draw other numbers in the same place; what was zoomed to stays. */
    async replace(spec) {
      this._take(spec, await unpacked(spec));
    }

    destroy() {
      cancelAnimationFrame(this.frame);
      this.stop();
      this.resized.disconnect();
      this.stage.destroy();
    }

    _take(spec, grid) {
      Object.assign(this, { spec, grid, named: null, row: Math.min(this.row, Math.max(0, grid.rows.length - 1)) });
      this.stage.plot.querySelector(".plot-empty")?.remove();
      this.empty = !grid.values.length;
      for (const part of [this.canvas, this.stage.over, this.stage.tools, this.stage.head]) part.hidden = this.empty;
      if (this.empty) return this.stage.empty(newllm.text("nothing"));
      this.ramp = new newllm.Ramp(grid.values, spec);
      const { edges, columns } = grid;
      this.view.limits(edges[0], edges[columns], (4 * (edges[columns] - edges[0])) / columns);
      newllm.heatKeys(this.stage, grid.values, this.ramp);
      return this.drawNow();
    }

    draw() {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.drawNow();
      });
    }

    drawNow() {
      if (this.empty) return;
      const begun = performance.now();
      const { canvas, stage: { plot }, spec, grid, view, ramp } = this;
      const colour = newllm.palette(plot), context = canvas.getContext("2d");
      const wide = Math.max(160, plot.clientWidth);
      context.font = newllm.plotFont;
      if (this.named?.wide !== wide) this.named = newllm.heatNames(context, grid.rows, wide);
      const { left, right } = this.named;
      const across = (x) => left + ((x - view.from) / (view.to - view.from)) * (right - left);
      const marks = newllm.placeMarks(context, spec.marks, across, left, right), room = newllm.markRoom(marks);
      const high = newllm.heatHeight(grid.rows.length, room);
      plot.style.height = `${high}px`;
      newllm.sizeCanvas(canvas, wide, high);
      const box = newllm.heatBox(this.named, room, high);
      this.box = box;
      const dark = getComputedStyle(plot).getPropertyValue("--dark").trim() === "1";
      newllm.heatGround(context, box, colour);
      this._image(context, box, { dark, colour });
      newllm.heatRows(context, box, colour);
      newllm.heatAxis(context, { axis: spec.axis, view }, box, colour);
      newllm.heatRamp(this.rampCanvas, { ramp, unit: spec.unit, dark }, wide, colour);
      newllm.barMarks(context, marks, box, colour);
      newllm.labelMarks(context, marks, box, colour);
      this.stage.place(box);
      this.stage.inSight(view);
      this.allButton.hidden = !view.zoomed;
      this._showCursor();
      this.drawn = { ...this.shown, low: ramp.low, high: ramp.high, values: this.pixels, milliseconds: performance.now() - begun };
    }

    _image(context, box, how) {
      const { view, grid, ramp } = this, ratio = devicePixelRatio;
      const wide = Math.max(1, Math.round((box.right - box.left) * ratio));
      const high = Math.min(grid.rows.length, Math.max(1, Math.round((box.bottom - box.top) * ratio)));
      this.pixels = grid.coarse(view.from, view.to, wide, ramp).image(view.from, view.to, wide, high, ramp);
      const image = newllm.heatImage(this.pixels, wide, high, ramp, how);
      const tall = newllm.stretched(image, Math.max(1, Math.round((box.bottom - box.top) * ratio)));
      context.drawImage(tall, box.left, box.top, box.right - box.left, box.bottom - box.top);
    }

    // ---- reading

    _point(left, top) {
      if (left === null || this.empty) this.at = null;
      else {
        const { view, box, grid } = this;
        this.at = view.from + (left / (box.right - box.left)) * (view.to - view.from);
        this.row = Math.min(grid.rows.length - 1, Math.max(0, Math.floor((top / (box.bottom - box.top)) * grid.rows.length)));
      }
      this._showCursor();
    }

    _showCursor() {
      const { stage, at, view, box, grid, row, rowMark } = this;
      rowMark.hidden = at === null;
      stage.where.textContent = at === null ? "" : this._told();
      if (at === null) return stage.cursor(null);
      const each = (box.bottom - box.top) / grid.rows.length;
      [rowMark.style.top, rowMark.style.height] = [`${row * each}px`, `${Math.max(2, each)}px`];
      return stage.cursor(((at - view.from) / (view.to - view.from)) * (box.right - box.left));
    }

    get _pixel() {
      return (this.view.to - this.view.from) / (this.box.right - this.box.left);
    }

    /** The cell under the cursor in words; of several columns in a pixel the lowest and the highest. */
    _told() {
      const { grid, row, at, spec, _pixel } = this;
      const found = grid.extremes(row, at - _pixel / 2, at + _pixel / 2);
      const [low, high] = found ? [found.low, found.high].map(newllm.number) : [];
      const value = !found ? newllm.text("missing") : low === high ? high : `${low} ${newllm.text("to")} ${high}`;
      const within = spec.marks.filter((mark) => mark.first - _pixel <= at && at <= mark.last + _pixel).map((mark) => mark.label);
      return [grid.rows[row], `${spec.axis} ${newllm.number(grid.x[grid.column(at)])}`, value, ...within].join(" · ");
    }

    _step(by) {
      if (this.empty) return;
      const { grid, view, _pixel } = this;
      const now = this.at ?? (view.from + view.to) / 2;
      const column = grid.column(now), next = grid.column(now + by * _pixel);
      const place = next === column ? Math.min(grid.columns - 1, Math.max(0, column + by)) : next;
      this.at = grid.x[place];
      if (this.at < view.from || this.at > view.to) view.pan((this.at - (view.from + view.to) / 2) / (view.to - view.from));
      this._tell();
    }

    _toRow(by) {
      if (this.empty) return;
      this.at ??= (this.view.from + this.view.to) / 2;
      this.row = Math.min(this.grid.rows.length - 1, Math.max(0, this.row + by));
      this._tell();
    }

    _tell() {
      if (this.empty) return;
      if (this.at !== null) this.at = Math.min(Math.max(this.at, this.view.from), this.view.to);
      this._showCursor();
      this.stage.say(this.at === null ? "" : this._told());
    }
  }

  const unpacked = async (spec) => new newllm.Grid(await newllm.unpack(spec.x), spec.rows, await newllm.unpack(spec.values));

  /** What the legend has to say of values that are no numbers of the ramp. */
  newllm.heatKeys = function (stage, values, ramp) {
    const found = { missing: false, infinite: false, below: false };
    for (let at = 0; at < values.length; at++) {
      const value = values[at];
      if (value !== value) found.missing = true;
      else if (value === Infinity || value === -Infinity) found.infinite = true;
      else if (ramp.log && value <= 0) found.below = true;
    }
    const kinds = Object.keys(found).filter((kind) => found[kind]);
    stage.legend.replaceChildren(...kinds.map((kind) => {
      const key = newllm.element("span", "plot-kind");
      key.append(newllm.element("i", `plot-square ${kind}`), newllm.text(kind));
      return key;
    }));
  };

  /** @returns {Promise<Heat>} the map in its figure, drawn */
  newllm.heat = async (figure, spec) => new Heat(figure, spec, await unpacked(spec));
})(window.newllm);
