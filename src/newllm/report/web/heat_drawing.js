"use strict";
// How a heat map looks: the image, the names of its rows, both axes, the ramp with its numbers, the marks above.

(function (newllm) {
  const RAMP = { wide: 170, high: 9 }; // pixels
  const LEGEND = 34, BOTTOM = 28, RIGHT = 14, LABEL = 13;

  /** The names of the rows as they fit beside a map in a plot that wide, and the map's edges at both sides. */
  newllm.heatNames = function (context, rows, wide) {
    const names = newllm.shortNames(context, rows, Math.max(60, 0.34 * wide) - 12);
    const longest = Math.max(...names.map((name) => context.measureText(name).width));
    return { names, wide, left: Math.round(longest + 12), right: wide - RIGHT };
  };

  /** Where the map is in a plot of that height, marks taking that much room. */
  newllm.heatBox = (named, markRoom, high) => ({ ...named, top: LEGEND + markRoom, bottom: high - BOTTOM });

  /** Names that fit: what all of them end and begin with goes first, then the middle of each. */
  newllm.shortNames = function (context, names, room) {
    const fits = (all) => all.every((name) => context.measureText(name).width <= room);
    if (fits(names) || names.length < 2) return names.map((name) => newllm.middleOut(context, name, room));
    const tail = common(names.map((name) => name.split(".").reverse()));
    let short = tail ? names.map((name) => `${name.split(".").slice(0, -tail).join(".")}…`) : names;
    const head = fits(short) ? 0 : common(names.map((name) => name.split(".")));
    if (head) short = short.map((name) => `…${name.split(".").slice(head).join(".")}`);
    return short.map((name) => newllm.middleOut(context, name, room));
  };

  /** How many parts all lists begin with, one of each being left. */
  function common(lists) {
    const most = Math.min(...lists.map((list) => list.length)) - 1;
    let count = 0;
    while (count < most && lists.every((list) => list[count] === lists[0][count])) count++;
    return count;
  }

  /** Height of the whole plot for that many rows. */
  newllm.heatHeight = (rows, markRoom) =>
    LEGEND + markRoom + BOTTOM + (rows <= 18 ? Math.max(44, rows * 20) : Math.min(520, Math.max(360, rows * 3)));

  /** Paint numbers as pixels into an image of [high * wide]. */
  newllm.heatImage = function (shown, wide, high, ramp, { dark, colour }) {
    const canvas = new OffscreenCanvas(wide, high), context = canvas.getContext("2d");
    const image = context.createImageData(wide, high), pixels = new Uint32Array(image.data.buffer);
    const colours = ramp.pixels(dark), most = colours.length - 1;
    const broken = newllm.pixel(newllm.rgb(colour("fault"))), none = newllm.pixel(newllm.rgb(colour("muted")));
    const { start, stop, log } = ramp, scale = most / (stop - start);
    for (let at = 0; at < shown.length; at++) {
      const value = shown[at];
      if (value !== value) continue;
      if (value === Infinity || value === -Infinity) pixels[at] = broken;
      else if (log && value <= 0) pixels[at] = none;
      else pixels[at] = colours[Math.min(most, Math.max(0, Math.round(((log ? Math.log(value) : value) - start) * scale)))];
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };

  /** Stripes where nothing was measured: they show through the image. */
  newllm.heatGround = function (context, box, colour) {
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    context.clip();
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    const high = box.bottom - box.top;
    for (let at = box.left - high; at < box.right; at += 7) {
      context.moveTo(at, box.bottom);
      context.lineTo(at + high, box.top);
    }
    context.stroke();
    context.restore();
  };

  /** Names of the rows, as many as have room. */
  newllm.heatRows = function (context, box, colour) {
    const { names } = box, each = (box.bottom - box.top) / names.length, every = Math.max(1, Math.ceil(LABEL / each));
    context.fillStyle = colour("muted");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let row = 0; row < names.length; row += every) {
      context.fillText(names[row], box.left - 8, box.top + (row + 0.5) * each);
    }
  };

  /** A text that fits: its middle is left out, since names of layers differ at their ends. */
  newllm.middleOut = function (context, text, room) {
    if (context.measureText(text).width <= room) return text;
    for (let kept = text.length - 1; kept > 2; kept--) {
      const short = `${text.slice(0, kept >> 1)}…${text.slice(text.length - (kept - (kept >> 1)))}`;
      if (context.measureText(short).width <= room) return short;
    }
    return "…";
  };

  /** Positions below the map. */
  newllm.heatAxis = function (context, { axis, view }, box, colour) {
    context.fillStyle = context.strokeStyle = colour("muted");
    context.textBaseline = "alphabetic";
    context.textAlign = "right";
    context.fillText(axis, box.left - 8, box.bottom + 19);
    context.textAlign = "center";
    const wide = box.right - box.left;
    for (const tick of newllm.ticks(view.from, view.to, Math.max(2, Math.floor(wide / 110)))) {
      const at = box.left + ((tick - view.from) / (view.to - view.from)) * wide;
      context.fillRect(at - 0.5, box.bottom, 1, 4);
      context.fillText(newllm.compact(tick), Math.min(at, box.right - 4), box.bottom + 19);
    }
  };

  /** The ramp with its numbers at the right, the unit before it. */
  newllm.heatLegend = function (context, { ramp, unit, dark }, box, colour) {
    const wide = Math.min(RAMP.wide, (box.right - 20) / 2), left = box.right - wide;
    const strip = new OffscreenCanvas(256, 1), pen = strip.getContext("2d"), image = pen.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(ramp.pixels(dark));
    pen.putImageData(image, 0, 0);
    context.drawImage(strip, left, 3, wide, RAMP.high);
    context.fillStyle = colour("muted");
    context.textBaseline = "alphabetic";
    context.textAlign = "right";
    context.fillText(newllm.middleOut(context, unit, left - 12), left - 10, 12);
    context.textAlign = "center";
    const ticks = (ramp.log ? newllm.logTicks : newllm.ticks)(ramp.low, ramp.high, 4);
    for (const tick of ramp.centre === null ? ticks : [ramp.low, ramp.centre, ramp.high]) {
      const at = left + ramp.share(tick) * wide, text = newllm.compact(Number(tick.toPrecision(2)));
      const half = context.measureText(text).width / 2;
      context.fillRect(at - 0.5, 12, 1, 3);
      context.fillText(text, Math.min(at, box.right - half), 26);
    }
  };
})(window.newllm);
