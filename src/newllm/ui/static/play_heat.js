"use strict";
// The heat map of one layer's context: a row a channel, a column a token, colour away from zero on both sides.

(function (newllm) {
  class ContextHeat {
    /** @param {{rows: number}} about */
    constructor(about) {
      this._rows = about.rows;
      this._canvas = document.createElement("canvas");
    }

    /**
     * Draw the tokens that are seen; rows that share a pixel show the one farthest from zero.
     * @param {Object} frame as of the tracks
     * @param {Float32Array[]} columns of each token, all layers
     * @param {number} layer
     * @param {boolean} difference what a token changed of the context, instead of the context
     */
    draw(frame, columns, layer, difference) {
      const { first, last, ink, height } = frame, rows = this._rows;
      if (last <= first) return;
      const tall = Math.min(rows, Math.floor(height)), together = Math.ceil(rows / tall), high = Math.ceil(rows / together);
      const values = (at) => this._values(columns, at, layer, difference);
      const range = rangeOf(values, columns.length), colours = this._colours(frame.colour);
      const image = new ImageData(last - first, high), pixels = new Uint32Array(image.data.buffer);
      for (let at = first; at < last; at++) {
        const column = values(at);
        for (let row = 0; row < high; row++) {
          const value = farthest(column, row * together, Math.min(rows, (row + 1) * together));
          pixels[row * (last - first) + at - first] = colourOf(colours, value / range);
        }
      }
      [this._canvas.width, this._canvas.height] = [last - first, high];
      this._canvas.getContext("2d").putImageData(image, 0, 0);
      ink.imageSmoothingEnabled = false;
      ink.drawImage(this._canvas, frame.left(first), frame.top, (last - first) * frame.wide, height);
    }

    _values(columns, at, layer, difference) {
      const of = (column) => column?.subarray(layer * this._rows, (layer + 1) * this._rows);
      const now = of(columns[at]);
      if (!difference) return now;
      const before = of(columns[at - 1]);
      return before ? now.map((value, row) => value - before[row]) : new Float32Array(this._rows);
    }

    _colours(colour) {
      const names = ["play-low", "play-zero", "play-high"], key = names.map(colour).join();
      if (this._key !== key) [this._key, this._ramp] = [key, newllm.diverging(...names.map(colour))];
      return this._ramp;
    }
  }

  /** What has full colour: the largest value of a column, but for the few columns with the largest. */
  function rangeOf(values, count) {
    const tops = [];
    for (let at = Math.max(0, count - 600); at < count; at++) {
      let top = 0;
      for (const value of values(at)) if (Number.isFinite(value) && Math.abs(value) > top) top = Math.abs(value);
      tops.push(top);
    }
    tops.sort((a, b) => a - b);
    return tops[Math.floor(0.98 * (tops.length - 1))] || 1e-9;
  }

  function farthest(column, from, to) {
    let found = 0;
    for (let row = from; row < to; row++) if (!(Math.abs(column[row]) <= Math.abs(found))) found = column[row];
    return found;
  }

  /** Small values are made visible by a square root: half the colour is a quarter of the range. */
  function colourOf(colours, share) {
    if (Number.isNaN(share)) return 0;
    const size = Math.sqrt(Math.min(1, Math.abs(share)));
    return colours[Math.round(127.5 + (share < 0 ? -127.5 : 127.5) * size)];
  }

  newllm.ContextHeat = ContextHeat;
})(window.newllm);
