"use strict";
// Numbers for a person to read, and the round ones that an axis shows.

(function (newllm) {
  /** Five digits or so: 14.703, 1,234.5, 3.2e-5, NaN. */
  newllm.number = function (value) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return `${value < 0 ? "-" : ""}${newllm.text("infinite")}`;
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e9)) return trimmed(value.toExponential(3));
    const digits = size >= 1e5 || size === 0 ? 0 : Math.max(0, 4 - Math.floor(Math.log10(size)));
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  };

  /** The same as short as an axis wants it: 20k, 1.5M, 1e-4. */
  newllm.compact = function (value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e12)) return trimmed(value.toExponential(2));
    for (const [scale, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (size >= (scale === 1e3 ? 1e4 : scale)) return `${Number((value / scale).toPrecision(6))}${letter}`;
    }
    return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
  };

  const trimmed = (text) => text.replace(/\.?0*e\+?/, "e");

  const LETTER = 6.8; // pixels of a digit in the font of plots

  /** The texts of ticks, of what `place` makes of them, empty where one would lie over the axis's name at the left or past the right edge. */
  newllm.tickTexts = function (ticks, across, name, right, place = (tick) => tick) {
    return ticks.map(place).map(newllm.compact).map((text, at) => {
      const middle = across(ticks[at]), half = (LETTER * text.length) / 2;
      return middle - half < LETTER * name.length + 8 || middle + half > right ? "" : text;
    });
  };

  /** Round numbers between two, about `parts` of them. */
  newllm.ticks = function (low, high, parts) {
    if (!(high > low)) return [low];
    const rough = (high - low) / parts;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((step) => step >= rough * 0.99);
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
      found.push(Number((at * step).toPrecision(12)));
    }
    return found;
  };

  /** The same on a logarithmic scale: powers of ten, with 2 and 5 between them where there is room for it. */
  newllm.logTicks = function (low, high, parts) {
    const decades = Math.log10(high / low);
    if (decades < 0.7) return newllm.ticks(low, high, parts).filter((tick) => tick > 0);
    const every = Math.max(1, Math.ceil(decades / parts));
    const within = decades * 3 <= parts ? [1, 2, 5] : decades * 2 <= parts ? [1, 3] : [1];
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      if (power % every === 0) found.push(...within.map((factor) => Number(`${factor}e${power}`)));
    }
    return found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
})(window.newllm);
