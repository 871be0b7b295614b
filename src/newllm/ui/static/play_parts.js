"use strict";
// Parts of a panel: how its text is coloured, what of the context is drawn, and the room for what is told.

(function (newllm) {
  const { make, say } = newllm;

  /** What the colour of tokens means. @returns {[Element, Element[]]} and the two ends of the scale */
  function legend(about, chosen, number, paint) {
    const choices = ["bits", ...(about.layers.length ? ["change"] : []), ...(about.heads.length ? ["recall"] : [])];
    const radios = choices.map((value) => make("label", {},
      make("input", { type: "radio", name: `colour-${number}`, value, checked: value === chosen, onchange: () => paint(value) }),
      say(`play_by_${value}`)));
    const ends = [make("span", { text: "0" }), make("span")];
    return [make("div", { class: "play-legend" },
      make("fieldset", {}, make("legend", { text: say("play_colour") }), ...radios),
      make("span", { class: "scale", "aria-hidden": "true" }, ends[0], make("span", { class: "ramp" }), ends[1])), ends];
  }

  /** What of the context is drawn; `view` is changed, then `chosen` is called. */
  function choices(about, view, number, chosen) {
    const select = (key, options, take) => {
      const control = make("select", { id: `play-${key}-${number}`, onchange: () => { take(control.value); chosen(); } },
        ...options.map(([value, text]) => make("option", { value, text })));
      return make("div", { class: "field" }, make("label", { for: control.id, text: say(`play_${key}`) }), control);
    };
    const { layers } = about;
    return make("div", { class: "fields play-choices" },
      make("p", { class: "play-help muted", id: `play-help-${number}`, text: say("play_map_help") }),
      select("show", [["context", say("play_heat_context")], ["difference", say("play_heat_difference")]],
        (value) => { view.difference = value === "difference"; }),
      ...(layers.length > 1 ? [select("layer", [["", say("play_all_layers")], ...layers.map((name, at) => [at, name])],
        (value) => { view.layer = value === "" ? null : Number(value); })] : []),
      select("measure_label", [["absolute", say("play_absolute")], ["relative", say("play_relative")]],
        (value) => { view.relative = value === "relative"; }));
  }

  /** Room for one token's facts, for what its reads of matrices found, and for those of a context that is a vector. */
  function told(token, recall, ofContext) {
    const part = (key, ...content) => make("section", {}, make("h3", { text: say(`play_${key}`) }), ...content);
    return make("div", { class: "play-facts" }, part("this_token", token), ...(recall ? [recall.element] : []), ...(ofContext ? [
      part("most", ofContext[0]),
      part("scales", make("p", { class: "muted small", text: say("play_scales_about") }), ofContext[1])] : []));
  }

  newllm.playParts = { legend, choices, told };
})(window.newllm);
