"use strict";
// Curves: lines over one axis, zoomed by whatever a person has at hand, with findings shaded and live points added.
//
// Every drawing takes the shown stretch of each line anew (`buckets.js`), so a spike of one point is on the screen
// at any zoom. Points are kept as they came; what a page was given in buckets may be asked for in finer ones.

(function (newllm) {
  const LIVE = 250; // milliseconds between drawings of appended points
  const SETTLED = 150; // milliseconds after which a zoom asks for finer points

  class Curves {
    /**
     * @param {HTMLElement} figure
     * @param {object} spec `Curves.as_dict()` of Python
     * @param {object[]} lines its lines with `columns` in place of the packed numbers
     * @param {{window?: function}} options
     */
    constructor(figure, spec, lines, options) {
      Object.assign(this, { spec, lines, options, marks: spec.marks, log: false });
      if (figure.classList.contains("small")) this.rows = 0; // of labels of marks: what is shaded stands beside it
      this.stage = new newllm.Stage(figure, { title: spec.title, help: "help" });
      this.view = new newllm.View(() => this._changed());
      this._limits();
      this.log = spec.log && this._canLog();
      newllm.legend(this.stage, lines, () => this.draw(), (line) => this._emphasise(line));
      this._tools();
      this.reading = new newllm.CurveReading(this);
      this.smoothing = new newllm.CurveSmoothing(this);
      newllm.gestures(this.stage, this.view, (left) => this.reading.read(left));
      newllm.keys(this.stage.plot, this.view, {
        step: (by) => this.reading.step(by), log: () => this.setLog(!this.log), smooth: () => this.smoothing.next(),
        moved: () => this.reading.tell(), centre: () => this.reading.centre,
      });
      this._colours();
      this._start();
    }

    // ---- what a page calls

    /** The stretch that is shown. */
    get shown() {
      return { from: this.view.from, to: this.view.to };
    }

    /** Add live points to the line of that name; a name that the chart does not have is ignored. */
    append(name, xs, ys, middle = null) {
      const line = this.lines.find((line) => line.name === name);
      if (this.gone || !line?.columns.append(xs, ys, middle)) return;
      this._limits();
      this.later ??= setTimeout(() => {
        this.later = null;
        this.stale = true;
        this._catchUp();
      }, LIVE);
    }

    /** Draw what was added, once it can be seen. */
    _catchUp() {
      if (!this.stale || !this.near) return;
      this.stale = false;
      this._start();
      this.draw();
    }

    /** Show other points of the same lines, and other marks; who looks closer or reads goes on doing so. */
    async renew(spec) {
      const lines = await unpacked(spec);
      if (this.gone) return;
      this.marks = spec.marks;
      this.lines.forEach((line, at) => Object.assign(line, { columns: lines[at].columns, bucketed: lines[at].bucketed, fine: null }));
      this._limits();
      this.stale = true;
      this._catchUp();
    }

    setMarks(marks) {
      this.marks = marks;
      this.draw();
    }

    zoom(from, to) {
      this.view.set(Math.max(from, this.view.first), Math.min(to, this.view.last));
    }

    reset() {
      this.view.reset();
    }

    setLog(log) {
      this.log = log && this._canLog();
      this.logButton.setAttribute("aria-pressed", this.log);
      this._restart();
    }

    destroy() {
      clearTimeout(this.later);
      clearTimeout(this.finer);
      cancelAnimationFrame(this.frame);
      this.stop();
      this.smoothing.end();
      this.resized.disconnect();
      this.watched.disconnect();
      this.plot?.destroy();
      this.plot = null;
      this.gone = true;
      this.stage.destroy();
    }

    // ---- what it consists of

    _limits() {
      const filled = this.lines.filter(({ columns }) => columns.length);
      const first = Math.min(...filled.map(({ columns }) => columns.x[0]));
      const last = Math.max(...filled.map(({ columns }) => columns.x[columns.length - 1]));
      const most = Math.max(...filled.map(({ columns }) => columns.length));
      const coarse = this.options.window && filled.some((line) => line.bucketed);
      if (filled.length) this.view.limits(first, last, ((last - first) / (coarse ? 1e3 : 1) / most) * 3);
    }

    _canLog() {
      return this.lines.some(({ columns }) => {
        const { high } = columns.extremes(0, columns.length);
        return high >= 0 && columns.y[high] > 0;
      });
    }

    _tools() {
      this.allButton = this.stage.button(newllm.text("all"), () => this.reset());
      this.logButton = this.stage.button(newllm.text("log"), () => this.setLog(!this.log), this.log);
    }

    _colours() {
      this.palette = newllm.palette(this.stage.plot);
      this.stop = newllm.onColours(() => {
        this.palette = newllm.palette(this.stage.plot);
        this.drawNow();
      });
      this.resized = new ResizeObserver(() => this._resize());
      this.resized.observe(this.stage.plot);
      this.near = true;
      this.watched = new IntersectionObserver(([seen]) => {
        this.near = seen.isIntersecting;
        this._catchUp();
      }, { rootMargin: "300px" });
      this.watched.observe(this.stage.plot);
    }

    /** Begin to draw as soon as there is a point. */
    _start() {
      const { stage } = this;
      if (this.plot) return;
      this.stage.tools.hidden = true;
      if (!this.lines.some(({ columns }) => columns.length)) {
        if (!stage.plot.querySelector(".plot-empty")) stage.empty(newllm.text("nothing"));
        return;
      }
      stage.plot.querySelector(".plot-empty")?.remove();
      stage.tools.hidden = false;
      const options = newllm.curveOptions({
        lines: this.lines, axis: this.spec.axis, logX: this.spec.log_x, palette: () => this.palette, log: () => this.log, size: this._size(),
        padding: () => this._padding(), hooks: { drawAxes: [() => this._under()], draw: [() => this._above()] },
      });
      this.begun = performance.now();
      this._take();
      options.scales.x.range = () => [this.view.from, this.view.to];
      options.scales.y.range = () => this.range;
      this._pens(options.series);
      this.plot = new uPlot(options, this.data, stage.plot);
      stage.plot.append(stage.where, stage.over);
    }

    _restart() {
      this.plot?.destroy();
      this.plot = null;
      this._start();
    }

    _size() {
      return { width: Math.max(120, this.stage.plot.clientWidth), height: Math.max(100, this.stage.plot.clientHeight) };
    }

    _resize() {
      const { width, height } = this._size();
      if (!this.plot || (width === this.plot.width && height === this.plot.height)) return;
      this._take();
      this.plot.batch(() => {
        this.plot.setSize({ width, height });
        this.plot.setData(this.data, true);
      });
    }

    // ---- drawing

    _changed() {
      this.draw();
      this.askFiner();
    }

    askFiner() {
      clearTimeout(this.finer);
      this.finer = setTimeout(() => newllm.finerPoints(this), SETTLED);
    }

    /** Draw with the next frame. */
    draw() {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.drawNow();
      });
    }

    drawNow() {
      if (!this.plot) return;
      this.begun = performance.now();
      this._take();
      this.plot.batch(() => {
        this._pens(this.plot.series);
        for (const line of this.lines) {
          for (let at = line.series; at <= line.series + (line.low ? 2 : 0); at++) {
            if (this.plot.series[at].show !== line.shown) this.plot.setSeries(at, { show: line.shown });
          }
        }
        this.plot.setData(this.data, true);
        this.plot.setScale("y", { min: this.range[0], max: this.range[1] }); // uPlot itself would keep the first range
        this.plot.redraw(true, true);
      });
    }

    /** How wide and how strong each line is drawn; the others stand back from one that is pointed at. */
    _pens(series) {
      for (const [at, line] of this.lines.entries()) {
        const own = line.faint ? newllm.FAINT : 1;
        const alpha = !this.emphasised ? own : line === this.emphasised ? 1 : 0.2;
        series[line.series].width = series[line.own].width = newllm.lineWidth(line, this.table.rows[at]);
        series[line.series].alpha = alpha * this.smoothing.behind(at);
        series[line.own].alpha = series[line.own + 1].alpha = alpha;
      }
    }

    /** Take what is shown of every line. */
    _take() {
      const { from, to } = this.view;
      const pixels = Math.max(50, Math.round(this._size().width - 70));
      const columns = this.lines.map((line) => this.columnsOf(line));
      this.table = newllm.table(columns, from, to, pixels, this.log);
      const shown = this.table.rows.filter((_, at) => this.lines[at].shown);
      const reach = newllm.reach(this.table, shown, from, to) ?? newllm.reach(this.table, shown, -Infinity, Infinity);
      this.range = newllm.valueRange(newllm.widened(reach, this.spec.around), this.log);
      this.data = [this.table.x];
      for (const [at, row] of this.table.rows.entries()) {
        this.data.push(row.y);
        if (this.lines[at].low) this.data.push(row.low ?? [], row.high ?? []);
      }
      this.data.push(...this.smoothing.rows());
    }

    /** The points of a line that are drawn now: those it came with, or finer ones. */
    columnsOf(line) {
      const { from, to } = this.view;
      const fits = line.fine && line.fine.from <= from && line.fine.to >= to;
      return fits ? line.fine.columns : line.columns;
    }

    /** Let the other lines stand back. */
    _emphasise(line) {
      if (!this.plot || this.lines.length < 2) return;
      this.emphasised = line;
      this._pens(this.plot.series);
      this.plot.redraw(false);
    }

    _padding() {
      const context = this.stage.plot.querySelector("canvas")?.getContext("2d") ?? document.createElement("canvas").getContext("2d");
      return 22 + newllm.curveMarkRoom(this, context);
    }

    _under() {
      newllm.curvesUnder(this);
    }

    _above() {
      newllm.curvesAbove(this);
      this.drawn = newllm.curvesDrawn(this);
    }
  }

  /** A position for a person: where they are spaced by their logarithm, that is what is drawn. */
  newllm.positionText = (spec, position) => newllm.number(spec.log_x ? 2 ** position : position);

  /** The lines of a chart with their numbers as columns. */
  function unpacked(spec) {
    const numbers = async (packed) => packed && newllm.unpack(packed);
    const place = (positions) => (spec.log_x ? Float64Array.from(positions, Math.log2) : positions);
    return Promise.all(spec.lines.map(async (line) => {
      const [x, y, low, high, ...middle] = await Promise.all([line.x, line.y, line.low, line.high, line.middle?.x, line.middle?.y].map(numbers));
      const columns = new newllm.Columns(place(x), y, low, high);
      if (line.middle) columns.middle = new newllm.Columns(place(middle[0]), middle[1]);
      return { ...line, shown: true, columns };
    }));
  }

  /** @returns {Promise<Curves>} the chart in its figure, drawn */
  newllm.curves = async (figure, spec, options = {}) => new Curves(figure, spec, await unpacked(spec), options);
})(window.newllm);
