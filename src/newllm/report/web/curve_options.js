"use strict";
// How uPlot is to draw our curves: axes, grid, lines, bands. It gets no cursor and no legend of its own.

(function (newllm) {
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  const MANY = 400; // points of a line
  const FEW = 60; // points up to which each is shown as a dot
  const DASHES = [undefined, [6, 4], [2, 3]]; // by a line's dash
  const MARGIN = 0.06; // above and below the values

  newllm.plotFont = FONT;
  newllm.RIGHT = 18; // pixels beside a plot, for half of the last number
  newllm.FAINT = 0.6; // opacity of one line of many

  /**
   * A line of many points is drawn as thin as the screen can: it looks no thinner, since it goes up and down in every
   * pixel, and a browser without a graphics card takes 30 times as long for any other width.
   */
  newllm.lineWidth = (line, row) => (line.faint || row.points > MANY ? 1 : 1.6);

  /** The range of the values' axis around what is shown. */
  newllm.valueRange = function (reach, log) {
    if (!reach) return log ? [0.1, 1] : [0, 1];
    const { low, high } = reach;
    if (log) {
      const factor = high > low ? (high / low) ** MARGIN : 1.5;
      return [low / factor, high * factor];
    }
    const room = MARGIN * (high > low ? high - low : Math.abs(high) * 2 || 10);
    return [low - room, high + room];
  };

  /** What is shown of the values with those that are in sight at least. */
  newllm.widened = function (reach, around) {
    if (!reach || !around) return reach;
    return { ...reach, low: Math.min(reach.low, around[0]), high: Math.max(reach.high, around[1]) };
  };

  /**
   * @param {{lines: object[], axis: string, logX: boolean, palette: () => (name: string) => string, log: () => boolean,
   *          padding: () => number, hooks: object, size: {width: number, height: number}}} of
   */
  newllm.curveOptions = function ({ lines, axis, logX, palette, log, padding, hooks, size }) {
    const series = [{}], bands = [];
    for (const line of lines) {
      line.series = series.length;
      series.push(curve(line, palette));
      if (!line.low) continue;
      series.push(edge(line), edge(line));
      bands.push({ series: [line.series + 2, line.series + 1], fill: () => `${hex(palette()(line.colour))}2e` });
    }
    series.push(...newllm.CurveSmoothing.series(lines, series.length, palette));
    return {
      ...size, series, bands, hooks, pxAlign: false, padding: [padding, newllm.RIGHT, 0, 0],
      legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, auto: false }, y: { auto: false, distr: log() ? 3 : 1 } },
      axes: [positions(palette, axis, logX), values(palette, log, axis)],
    };
  };

  /** A canvas takes "#rgb" and "#rrggbb" with an alpha behind it only in the long form. */
  const hex = (colour) => (/^#...$/.test(colour) ? colour.replace(/[^#]/g, "$&$&") : colour);

  function curve(line, palette) {
    const colour = () => palette()(line.colour);
    return {
      label: line.label, stroke: colour, alpha: line.faint ? newllm.FAINT : 1,
      dash: line.faint ? undefined : DASHES[line.dash], spanGaps: false,
      points: { show: false, size: 5, stroke: colour, fill: colour, filter: (plot, at) => dots(plot, at, FEW) },
    };
  }

  const edge = (line) => ({ label: line.label, width: 0, stroke: "transparent", points: { show: false, filter: () => null } });

  /** The points of any line that no stroke reaches; null without one. */
  newllm.lonelyDots = (plot, at) => dots(plot, at, 0);

  /** The points of a line of few, and those of any line that no stroke reaches; null without one. */
  function dots(plot, which, few) {
    const { min, max } = plot.scales.x, x = plot.data[0], y = plot.data[which];
    const shown = [], lonely = [];
    let before = null; // state of the last entry that is not `undefined`: whether it was a value
    let alone = -1;
    for (let at = 0; at < y.length; at++) {
      if (y[at] === undefined) continue;
      if (y[at] === null) {
        if (alone >= 0) lonely.push(alone);
        alone = -1;
      } else {
        alone = before ? -1 : at;
        if (x[at] >= min && x[at] <= max) shown.push(at);
      }
      before = y[at] !== null;
    }
    if (alone >= 0) lonely.push(alone);
    if (shown.length <= few) return shown.length ? shown : null;
    return lonely.length ? lonely : null;
  }

  function positions(palette, name, logX) {
    const place = logX ? (tick) => 2 ** tick : (tick) => tick;
    return {
      ...common(palette), size: 28, space: 70,
      splits: (plot, _, from, to) => {
        const parts = Math.max(2, Math.floor(plot.width / (logX ? 60 : 110)));
        return logX ? doublings(from, to, parts) : newllm.ticks(from, to, parts);
      },
      values: (plot, splits) => newllm.tickTexts(splits, across(plot), name, plot.width, place),
    };
  }

  /** Powers of two, all or every so many of them. */
  function doublings(from, to, parts) {
    const every = Math.max(1, Math.ceil((to - from) / parts)), first = Math.ceil(from / every - 1e-9) * every;
    return Array.from({ length: Math.max(1, Math.floor((to - first) / every + 1e-9) + 1) }, (_, at) => first + at * every);
  }

  /** From a position to pixels of the whole plot; before the first drawing its left edge is but guessed. */
  function across(plot) {
    const { min, max } = plot.scales.x, left = plot.bbox.left / devicePixelRatio || 50;
    const wide = plot.bbox.width / devicePixelRatio || plot.width - left - newllm.RIGHT;
    return (position) => left + ((position - min) / (max - min)) * wide;
  }

  function values(palette, log, name) {
    const letters = name.replace(/[^\x00-\xff]/g, "xx").length; // those of Japanese are twice as wide
    const room = Math.min(90, 14 + 6.5 * letters); // the name of the other axis stands below these numbers
    return {
      ...common(palette),
      size: (_, texts) => Math.max(room, 16 + 7 * Math.max(2, ...(texts ?? []).map((text) => text.length))),
      splits: (plot, _, from, to) => (log() ? newllm.logTicks : newllm.ticks)(from, to, Math.max(2, Math.floor(plot.height / 45))),
      values: (_, splits) => splits.map(newllm.compact),
      incrs: [1e300], // uPlot's own end at 5e31, and an axis that reaches further would not be drawn
    };
  }

  function common(palette) {
    const grid = () => palette()("grid"), ink = () => palette()("muted");
    return {
      font: FONT, stroke: ink, gap: 4, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 },
      border: { show: false },
      filter: (_, splits) => splits, // uPlot would take most of them out of a logarithmic axis
    };
  }
})(window.newllm);
