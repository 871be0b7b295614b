"use strict";
// The lines and bars under the heat map of a context, all over the same tokens.

(function (newllm) {
  const { say } = newllm;

  /**
   * @typedef {Object} Frame what a track draws in
   * @property {CanvasRenderingContext2D} ink
   * @property {number} top
   * @property {number} height
   * @property {number} first index of the first token that is seen
   * @property {number} last behind the last one
   * @property {(index: number) => number} left left edge of a token's column, in pixels
   * @property {number} wide of a column
   * @property {(name: string) => string} colour
   */

  const finite = (value) => value !== null && value !== undefined && Number.isFinite(value);

  /** The largest value of a track, at least `least`. */
  function largest(values, least) {
    let found = least;
    for (const value of values) if (finite(value) && value > found) found = value;
    return found;
  }

  /** Bars from the ground. */
  function bars(frame, tokens, value, colour, top) {
    const { ink, height, wide } = frame;
    ink.fillStyle = frame.colour(colour);
    for (let at = frame.first; at < frame.last; at++) {
      const size = value(tokens[at]);
      if (!finite(size)) continue;
      const tall = Math.max(0.5, Math.min(1, size / top) * height);
      ink.fillRect(frame.left(at) + (wide > 5 ? 1 : 0), frame.top + height - tall, Math.max(1, wide - (wide > 5 ? 2 : 1)), tall);
    }
  }

  /** A line through the middle of each column; what is not finite breaks it. */
  function line(frame, tokens, value, place, colour, width = 1.6) {
    const { ink } = frame;
    ink.strokeStyle = frame.colour(colour);
    ink.lineWidth = width;
    ink.beginPath();
    let open = false;
    for (let at = Math.max(0, frame.first - 1); at < Math.min(tokens.length, frame.last + 1); at++) {
      const y = place(value(tokens[at]));
      if (y === null) { open = false; continue; }
      const x = frame.left(at) + frame.wide / 2;
      if (open) ink.lineTo(x, y); else ink.moveTo(x - (frame.wide > 3 ? 1.5 : 0), y);
      ink.lineTo(x, y);
      open = true;
    }
    ink.stroke();
  }

  const bits = {
    name: "bits", height: 46, title: () => say("play_track_bits"),
    top: (tokens) => largest(tokens.map((token) => token.bits), 4),
    ends: (top) => [newllm.brief(top), "0"],
    draw: (frame, tokens, top) => bars(frame, tokens, (token) => token.bits, "sky", top),
  };

  const change = {
    name: "change", height: 46, title: (view) => say(view.relative ? "play_track_share" : "play_track_change"),
    value: (view) => (token) => newllm.changeOf(token, view.layer, view.relative),
    top: (tokens, view) => largest(tokens.map(change.value(view)), 1e-9),
    ends: (top, view) => [view.relative ? newllm.percent(top) : newllm.brief(top), "0"],
    draw: (frame, tokens, top, view) => bars(frame, tokens, change.value(view), "spike", top),
  };

  const norm = {
    name: "norm", height: 58, title: () => say("play_track_norm"),
    value: (view) => (token) => view.layer === null ? token.length : token.norm?.[view.layer],
    top: (tokens, view) => largest(tokens.map(norm.value(view)), 1e-9) * 1.05,
    ends: (top) => [newllm.brief(top), "0"],
    draw(frame, tokens, top, view) {
      const place = (value) => finite(value) ? frame.top + frame.height * (1 - value / top) : null;
      line(frame, tokens, norm.value(view), place, "context", 2);
    },
  };

  const most = 15; // octaves: from 16,384 tokens on all is one
  const scales = {
    name: "scales", height: 64, title: () => say("play_track_scales"),
    value: (view, quantile) => (token) => {
      const rows = view.layer === null ? token.scales : [token.scales[view.layer]];
      const known = rows.map((row) => row[quantile] ?? Infinity);
      return known.reduce((sum, scale) => sum + Math.log2(scale), 0) / known.length;
    },
    top: () => most,
    ends: () => ["16k+", "1"],
    draw(frame, tokens, top, view) {
      const y = (octave) => frame.top + frame.height * (1 - Math.min(octave, top) / top);
      const { ink } = frame;
      ink.fillStyle = frame.colour("learning-rate");
      for (const [low, high, alpha] of [[0, 4, 0.2], [1, 3, 0.35]]) {
        ink.globalAlpha = alpha;
        const [lower, upper] = [scales.value(view, low), scales.value(view, high)];
        for (let at = frame.first; at < frame.last; at++) {
          const [from, to] = [y(upper(tokens[at])), y(lower(tokens[at]))];
          ink.fillRect(frame.left(at), from, frame.wide + 0.5, Math.max(1, to - from));
        }
      }
      ink.globalAlpha = 1;
      line(frame, tokens, scales.value(view, 2), y, "learning-rate", 2);
    },
  };

  /** How much a token changed the context: of one layer or of all (`layer` null), absolute or over the norm before. */
  newllm.changeOf = function (token, layer, relative) {
    if (layer === null) return relative ? token.share : token.moved;
    return (relative ? token.relative : token.change)?.[layer];
  };

  newllm.tracks = { bits, change, norm, scales };
})(window.newllm);
