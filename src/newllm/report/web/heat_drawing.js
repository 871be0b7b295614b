"use strict";
// How a heat map looks: the image, the names of its rows, both axes, the ramp with its numbers, the marks above.

(function (newllm) {
  const RAMP = { wide: 170, high: 9, all: 28 }; // pixels
  const TOP = 8, BOTTOM = 28, LABEL = 13;

  /** The names of the rows as they fit beside a map in a plot that wide, and the map's edges at both sides. */
  newllm.heatNames = function (context, rows, wide) {
    const names = newllm.shortNames(context, rows, Math.max(60, 0.34 * wide) - 12);
    const longest = Math.max(...names.map((name) => context.measureText(name).width));
    return { names, wide, left: Math.round(longest + 12), right: wide - newllm.RIGHT };
  };

  /** Where the map is in a plot of that height, marks taking that much room. */
  newllm.heatBox = (named, markRoom, high) => ({ ...named, top: TOP + markRoom, bottom: high - BOTTOM });

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
    TOP + markRoom + BOTTOM + (rows <= 18 ? Math.max(44, rows * 20) : Math.min(520, Math.max(360, rows * 3)));

  /** Paint numbers as pixels into an image of [high * wide]. */
  newllm.heatImage = function (shown, wide, high, ramp, { dark, colour }) {
    const canvas = new OffscreenCanvas(wide, high), context = canvas.getContext("2d");
    const image = context.createImageData(wide, high);
    const [broken, none] = ["fault", "muted"].map((name) => newllm.pixel(newllm.rgb(colour(name))));
    ramp.paint(shown, new Uint32Array(image.data.buffer), dark, { broken, none });
    context.putImageData(image, 0, 0);
    return canvas;
  };

  /** An image as tall as it will be seen: what prints a canvas would blur its rows otherwise. */
  newllm.stretched = function (image, high) {
    const canvas = new OffscreenCanvas(image.width, high), context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, image.width, high);
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
    context.textAlign = "left";
    context.fillText(axis, 2, box.bottom + 19);
    context.textAlign = "center";
    const wide = box.right - box.left, across = (x) => box.left + ((x - view.from) / (view.to - view.from)) * wide;
    const ticks = newllm.ticks(view.from, view.to, Math.max(2, Math.floor(wide / 110)));
    for (const [at, text] of newllm.tickTexts(ticks, across, axis, box.right + newllm.RIGHT).entries()) {
      context.fillRect(across(ticks[at]) - 0.5, box.bottom, 1, 4);
      context.fillText(text, across(ticks[at]), box.bottom + 19);
    }
  };

  /** Give a canvas its size in CSS pixels, as sharp as the screen is; return its context, ready for text. */
  newllm.sizeCanvas = function (canvas, wide, high) {
    const ratio = devicePixelRatio, context = canvas.getContext("2d");
    [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(high * ratio)];
    [canvas.style.width, canvas.style.height] = [`${wide}px`, `${high}px`];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = newllm.plotFont;
    return context;
  };

  /** The ramp with its numbers, the unit before it, on a canvas of its own. */
  newllm.heatRamp = function (canvas, { ramp, unit, dark }, most, colour) {
    const wide = Math.min(RAMP.wide, most / 2), pen = canvas.getContext("2d");
    pen.font = newllm.plotFont;
    const said = newllm.middleOut(pen, unit, most - wide - 2 * newllm.RIGHT - 12), left = pen.measureText(said).width + (said ? 10 : 20);
    const context = newllm.sizeCanvas(canvas, left + wide + newllm.RIGHT, RAMP.all);
    context.drawImage(strip(ramp, dark), left, 3, wide, RAMP.high);
    context.fillStyle = colour("muted");
    context.fillText(said, 0, 12);
    context.textAlign = "center";
    const ticks = (ramp.log ? newllm.logTicks : newllm.ticks)(ramp.low, ramp.high, 4);
    for (const tick of ramp.centre === null ? ticks : [ramp.low, ramp.centre, ramp.high]) {
      const at = left + ramp.share(tick) * wide, text = newllm.compact(Number(tick.toPrecision(2)));
      const last = left + wide + newllm.RIGHT - context.measureText(text).width / 2;
      context.fillRect(at - 0.5, RAMP.high + 3, 1, 3);
      context.fillText(text, Math.min(at, last), RAMP.all - 2);
    }
  };

  function strip(ramp, dark) {
    const colours = ramp.pixels(dark), made = new OffscreenCanvas(colours.length, 1), pen = made.getContext("2d");
    const image = pen.createImageData(colours.length, 1);
    new Uint32Array(image.data.buffer).set(colours);
    pen.putImageData(image, 0, 0);
    return made;
  }
})(window.newllm);
