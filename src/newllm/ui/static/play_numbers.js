"use strict";
// Numbers of the playground: half floats, lengths, colours of a value, text that is safe to show.

(function (newllm) {
  const halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits & 32768 ? -1 : 1;
    halves[bits] = sign * (exponent === 31 ? (fraction ? NaN : Infinity)
      : exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  }

  /** Unpack base64 of little-endian float16 and multiply each by `factor`. @returns {Float32Array} */
  newllm.unpackHalves = function (data, factor) {
    const bytes = atob(data);
    const values = new Float32Array(bytes.length / 2);
    for (let at = 0; at < values.length; at++) {
      values[at] = halves[bytes.charCodeAt(2 * at) | (bytes.charCodeAt(2 * at + 1) << 8)] * factor;
    }
    return values;
  };

  /** Length of a vector that is given by the lengths of its parts; null where one is not finite. */
  newllm.whole = (parts) => parts.some((part) => part === null) ? null : Math.hypot(...parts);

  /** A number of three digits or so. */
  newllm.brief = function (value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return "∞";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace("e+", "e");
    const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  };

  newllm.percent = (share) => share === null ? "–" : `${newllm.brief(100 * share)} %`;

  // Marks that turn the direction of a text, and controls: shown as what they are.
  const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

  /** Text that can do nothing to the page around it; lines and tabs stay. */
  newllm.shown = (text) => text.replace(unseen, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);

  /** The text of a token in one line, blanks and ends of lines made visible. */
  newllm.tokenName = function (token) {
    if (token.what) return `[${newllm.say(`play_${token.what}`)}]`;
    if (token.raw) return token.raw.replace(/../g, "\\x$&");
    return newllm.shown(token.piece).replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/ /g, "␣");
  };

  const channels = (colour) => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  };

  /** 256 colours from low over paper to high, as RGBA in 32 bits. @returns {Uint32Array} */
  newllm.diverging = function (low, paper, high) {
    const ends = [low, paper, high].map(channels);
    const found = new Uint32Array(256);
    for (let at = 0; at < 256; at++) {
      const side = at < 128 ? ends[0] : ends[2], share = Math.abs(at - 127.5) / 127.5;
      const mixed = [0, 1, 2].map((part) => Math.round(ends[1][part] + (side[part] - ends[1][part]) * share));
      found[at] = (255 << 24) | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0];
    }
    return found;
  };
})(window.newllm);
