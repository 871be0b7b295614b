"use strict";
// What is told beside the drawings: one token, the tokens that changed the context most, time scales, the numbers.

(function (newllm) {
  const { make, say, brief, percent } = newllm;

  /** A label, a bar and a number, as a row of a list. */
  function barRow(label, share, value, options = {}) {
    const bar = make("span", { class: "amount", "aria-hidden": "true" });
    bar.style.setProperty("--share", Math.min(1, Math.max(0, share || 0)).toFixed(3));
    const parts = [make("span", { class: "name", text: label }), bar, make("span", { class: "value", text: value })];
    return options.onclick ? make("li", {}, make("button", { type: "button", ...options }, ...parts)) : make("li", {}, ...parts);
  }

  /** One token: its surprisal, what else was likely, and what it did to each context. */
  newllm.tokenFacts = function (place, token, about) {
    if (!token) return place.replaceChildren(make("p", { class: "muted", text: say("play_point") }));
    const chance = token.bits === null ? null : 2 ** -token.bits;
    const facts = [
      [say("play_surprisal"), `${brief(token.bits)} ${say("play_bits")} (${percent(chance)})`],
      ...(token.moved === undefined || token.moved === null ? [] : [
        [say("play_norm"), brief(token.length)],
        [say("play_change"), `${brief(token.moved)} (${percent(token.share)})`],
      ]),
    ];
    place.replaceChildren(
      make("p", { class: "play-token" }, make("b", { text: newllm.tokenName(token) }),
        make("span", { class: "muted", text: ` ${say("play_place").replace("{n}", token.place + 1)} · id ${token.id}` })),
      make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])),
      make("h4", { text: say("play_rivals") }),
      make("ul", { class: "bars" }, ...token.rivals.map(([name, share]) => barRow(nameOf(name), share, percent(share)))),
      ...layerRows(token, about),
    );
  };

  const nameOf = (label) => newllm.tokenName({ piece: label });

  function layerRows(token, about) {
    if (!token.norm || about.layers.length < 2) return [];
    const most = Math.max(...token.change.map((change) => change ?? 0), 1e-9);
    const rows = about.layers.map((name, layer) =>
      barRow(name, token.change[layer] / most, `${brief(token.change[layer])} (${percent(token.relative[layer])})`));
    return [make("h4", { text: say("play_by_layer") }), make("ul", { class: "bars" }, ...rows)];
  }

  /** The tokens with most of something, the first of them the largest; each can be chosen. What is negative is marked. */
  newllm.mostOf = function (place, tokens, value, told, chosen) {
    const ranked = tokens.map((token, index) => [value(token), index]).filter(([size]) => Number.isFinite(size))
      .sort((a, b) => Math.abs(b[0]) - Math.abs(a[0])).slice(0, 12);
    const most = Math.abs(ranked[0]?.[0]) || 1;
    place.replaceChildren(...ranked.map(([size, index]) => barRow(around(tokens, index), Math.abs(size) / most, told(size),
      { onclick: () => chosen(index, true), ...(size < 0 ? { class: "against" } : {}) })));
  };

  /** A token with a little of what stands before it. */
  function around(tokens, index) {
    const before = tokens.slice(Math.max(0, index - 8), index).map((token) => token.piece).join("").slice(-9);
    const name = newllm.tokenName(tokens[index]);
    return before ? `…${newllm.shown(before).replace(/\s+/g, " ")}[${name}]` : `[${name}]`;
  }

  /** How many channels of each layer forget in 1, 2, 4 ... tokens: a small histogram a layer. */
  newllm.timeScales = function (place, token, about) {
    if (!token?.octaves) return place.replaceChildren(make("p", { class: "muted", text: say("play_point") }));
    const rows = token.octaves.map((counts, layer) => {
      const most = Math.max(...counts, 1), quantiles = token.scales[layer];
      const bars = counts.map((count, octave) => {
        const bar = make("span", { title: `${octaveName(octave)}: ${count}`, class: octave === 15 ? "endless" : "" });
        bar.style.setProperty("--share", (count / most).toFixed(3));
        return bar;
      });
      const middle = quantiles[2] === null ? say("play_never") : brief(quantiles[2]);
      const label = `${about.layers[layer]}: ${say("play_median")} ${middle}`;
      return make("div", { class: "octaves", role: "img", "aria-label": label },
        make("span", { class: "layer", text: about.layers[layer] }), make("span", { class: "columns" }, ...bars),
        make("span", { class: "value", text: middle }));
    });
    const axis = make("div", { class: "octaves axis", "aria-hidden": "true" }, make("span", { class: "layer" }),
      make("span", { class: "columns" }, ...[..."0123456789abcdef"].map((_, at) => make("span", { text: at % 3 ? "" : octaveName(at) }))),
      make("span", { class: "value", text: say("play_median") }));
    place.replaceChildren(...rows, axis);
  };

  function octaveName(octave) {
    if (octave === 15) return "∞";
    return octave >= 10 ? `${2 ** (octave - 10)}k` : `${2 ** octave}`;
  }

  /** The numbers behind the drawings, of the latest tokens. */
  newllm.numbersOf = function (place, tokens, hasContext) {
    const names = ["play_token", "play_surprisal", ...(hasContext ? ["play_norm", "play_change", "play_share", "play_median_scale"] : [])];
    const rows = tokens.slice(-200).map((token) => {
      const middle = (token.scales ?? []).map((row) => brief(row[2] ?? Infinity)).join(" / ");
      const cells = [newllm.tokenName(token), brief(token.bits),
        ...(hasContext ? [brief(token.length), brief(token.moved), percent(token.share), middle] : [])];
      return make("tr", {}, ...cells.map((text, at) => make(at ? "td" : "th", at ? { text } : { text, scope: "row" })));
    });
    place.replaceChildren(make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", text: say(name) })))),
      make("tbody", {}, ...rows));
  };
})(window.newllm);
