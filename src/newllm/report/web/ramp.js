"use strict";
// Numbers as colours: viridis, even to the eye, told apart by colour-blind people and in grey; and one with a middle.

(function (newllm) {
  const VIRIDIS = [
    "#440154", "#481769", "#472a7a", "#433d84", "#3d4e8a", "#355e8d", "#2e6d8e", "#297b8e", "#23898e", "#1f978b",
    "#21a585", "#2eb37c", "#46c06f", "#65cb5e", "#89d548", "#b0dd2f", "#d8e219", "#fde725",
  ];
  // Blue and vermilion are those of Okabe and Ito; the middle is the paper's lightness.
  const AROUND_LIGHT = ["#053f6e", "#0072b2", "#7db8dc", "#f0f1f2", "#f0a777", "#d55e00", "#7a3200"];
  const AROUND_DARK = ["#bfe3ff", "#56b4e9", "#2a5f86", "#2a2f34", "#8a4513", "#e9833a", "#ffd9b8"];
  const SIZE = 256;
  const REACH = 1e3; // how far past nearly all values the colours go on
  const SAMPLE = 20_000;

  class Ramp {
    /**
     * @param {Float32Array} values all that may be shown
     * @param {{log: boolean, centre: ?number}} how
     */
    constructor(values, { log, centre }) {
      const known = sample(values, log);
      this.log = log && known.length > 0;
      if (!known.length) known.push(...sample(values, false));
      const at = (share) => known[Math.round(share * (known.length - 1))] ?? (log ? 1 : 0);
      const most = highest(values);
      this.low = at(0.005);
      this.high = Math.min(most, this.log ? at(0.995) * REACH : Infinity);
      this.clipped = this.high < most;
      this.centre = centre !== null && (!this.log || centre > 0) ? centre : null;
      if (this.centre !== null) this._around();
      if (!(this.high > this.low)) [this.low, this.high] = this.log ? [this.low / 2, this.low * 2] : [this.low - 1, this.low + 1];
      [this.start, this.stop] = [this._scaled(this.low), this._scaled(this.high)];
    }

    /** As far below the centre as above it. */
    _around() {
      const middle = this._scaled(this.centre);
      const far = Math.max(Math.abs(this._scaled(this.high) - middle), Math.abs(this._scaled(this.low) - middle));
      [this.low, this.high] = [middle - far, middle + far].map((at) => (this.log ? Math.exp(at) : at));
    }

    _scaled(value) {
      return this.log ? Math.log(value) : value;
    }

    /** Where on the ramp a value is, 0 to 1. */
    share(value) {
      return Math.min(1, Math.max(0, (this._scaled(value) - this.start) / (this.stop - this.start)));
    }

    /** The value at a share of the ramp. */
    value(share) {
      const at = this.start + share * (this.stop - this.start);
      return this.log ? Math.exp(at) : at;
    }

    /** Whether a is to be shown rather than b where both fall in one pixel. */
    outdoes(a, b) {
      if (this.centre === null) return a > b;
      const middle = this._scaled(this.centre);
      return Math.abs(this._scaled(a) - middle) > Math.abs(this._scaled(b) - middle);
    }

    /** The colours as 32-bit pixels of an image, from the lowest to the highest. */
    pixels(dark) {
      const stops = (this.centre === null ? VIRIDIS : dark ? AROUND_DARK : AROUND_LIGHT).map(newllm.rgb);
      return Uint32Array.from({ length: SIZE }, (_, at) => {
        const place = (at / (SIZE - 1)) * (stops.length - 1), before = Math.min(stops.length - 2, Math.floor(place));
        return newllm.pixel(stops[before].map((part, k) => part + (place - before) * (stops[before + 1][k] - part)));
      });
    }

    /**
     * A function from a value to its pixel; transparent for NaN.
     * @param {boolean} dark
     * @param {{broken: number, none: number}} other pixels of what is infinite, and of what is not above 0 on a log
     */
    painter(dark, { broken, none }) {
      const colours = this.pixels(dark), most = colours.length - 1;
      return (value) => {
        if (value !== value) return 0;
        if (value === Infinity || value === -Infinity) return broken;
        return this.log && value <= 0 ? none : colours[Math.round(most * this.share(value))];
      };
    }

    /**
     * Paint many values. On a wide logarithm the upper half of a number's bits tells its colour (to 0.4 %): a table of
     * them spares a logarithm for each pixel.
     */
    paint(values, pixels, dark, other) {
      const paint = this.painter(dark, other);
      if (!this.log || this.high < 4 * this.low) {
        for (let at = 0; at < values.length; at++) pixels[at] = paint(values[at]);
        return;
      }
      const key = [dark, other.broken, other.none].join();
      if (this.key !== key) this.table = bitsOfValues(paint);
      this.key = key;
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let at = 0; at < values.length; at++) pixels[at] = this.table[bits[at] >>> 16];
    }
  }

  function bitsOfValues(paint) {
    const bits = new Uint32Array(1), value = new Float32Array(bits.buffer);
    return Uint32Array.from({ length: 1 << 16 }, (_, upper) => {
      const special = (upper & 0x7f80) === 0x7f80 || (upper & 0x7fff) === 0; // NaN, the infinities, zero
      bits[0] = (upper << 16) | (special ? 0 : 0x8000);
      return paint(value[0]);
    });
  }

  /** "#rrggbb" as three numbers. */
  newllm.rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  /** Three numbers as an opaque pixel of an image (little-endian). */
  newllm.pixel = ([red, green, blue]) => (255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red);

  /** Some of the values that have a place on the scale, sorted. */
  function sample(values, log) {
    const every = Math.max(1, Math.floor(values.length / SAMPLE));
    const found = [];
    for (let at = 0; at < values.length; at += every) {
      if (Number.isFinite(values[at]) && (!log || values[at] > 0)) found.push(values[at]);
    }
    return found.sort((a, b) => a - b);
  }

  function highest(values) {
    let most = -Infinity;
    for (let at = 0; at < values.length; at++) if (values[at] > most && values[at] < Infinity) most = values[at];
    return most;
  }

  newllm.Ramp = Ramp;
})(window.newllm);
