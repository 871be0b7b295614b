"use strict";
/** Runs side by side. All that is chosen stands in the address, so that a link shows the same. */
(() => {
  const { ask, make, page, say, told } = newllm;
  const AXES = ["step", "token", "time", "progress"], VIEWS = ["overlay", "difference", "arms"], AGAIN = 4000; // milliseconds
  const place = document.getElementById("compare");
  const read = () => {
    const query = new URLSearchParams(location.search);
    const one = (name, known) => (known.includes(query.get(name)) ? query.get(name) : known[0]);
    return { runs: (query.get("runs") || "").split(",").filter(Boolean), signal: query.get("signal") || "", x: one("x", AXES), view: one("view", VIEWS) };
  };
  const judged = new Set();
  let asked = read(), handles = new Map(), shown = "", drawn = "", chosen = "", offered = "", held = "", differences = null, timer = null, number = 0;

  const chips = make("ul", { class: "chips" });
  const picker = newllm.picker((run) => change({ runs: [...asked.runs, run.id] }), () => asked.runs);
  const signal = make("select", { onchange: () => change({ signal: signal.value }) });
  const choice = (name, known) => make("fieldset", { class: "choice" }, make("legend", { text: say(name === "x" ? "axis" : name) }), ...known.map((value) => make("label", {}, make("input", {
    type: "radio", name, value, onchange: () => change({ [name]: value }),
  }), make("span", { text: say(`${name === "x" ? "axis" : name}_${value}`) }))));
  const copy = make("button", { type: "button", text: say("copy_link"), onclick: async () => {
    await navigator.clipboard.writeText(location.href);
    copy.textContent = say("copied");
    setTimeout(() => { copy.textContent = say("copy_link"); }, 1500);
  } });
  const report = newllm.reportButton({ fetch: () => `/compare/report.html?runs=${asked.runs.join(",")}` });
  const tools = make("div", { class: "tools" }, make("label", { class: "field" }, make("span", { text: say("signal") }), signal), choice("x", AXES), choice("view", VIEWS), make("span", { class: "grow" }), make("span", { class: "row" }, copy, report.button));
  const lead = make("div"), chart = make("div", { class: "compared" }), note = make("p", { class: "muted small", role: "status" }), parts = make("div", { class: "side-by-side" });
  const sections = new newllm.Sections({ parts, contents: make("ul") });
  place.replaceChildren(chips, picker, lead, tools, report.said, note, chart, parts);

  function change(what) {
    asked = { ...asked, ...what };
    const query = new URLSearchParams();
    if (asked.runs.length) query.set("runs", asked.runs.join(","));
    if (asked.signal) query.set("signal", asked.signal);
    if (asked.x !== "step") query.set("x", asked.x);
    if (asked.view !== "overlay") query.set("view", asked.view);
    history.pushState(null, "", `/compare${query.size ? `?${query}` : ""}`);
    load();
  }

  async function load() {
    clearTimeout(timer);
    for (const input of tools.querySelectorAll("input[type=radio]")) input.checked = asked[input.name] === input.value;
    tools.hidden = !asked.runs.length;
    if (!asked.runs.length) {
      draw({ runs: [], styles: [], signals: [], figure: "", missing: [], unknown: [], section: null });
      note.replaceChildren(`${say("compare_none")} `, make("a", { href: "/", text: say("runs") }));
      return;
    }
    const mine = ++number;
    try {
      const query = new URLSearchParams({ runs: asked.runs.join(","), signal: asked.signal, x: asked.x, view: asked.view, lang: page.lang });
      const answer = await ask(`/api/compare?${query}`);
      if (mine !== number) return; // something else was asked for meanwhile
      await draw(answer);
      if (asked.runs.length === 1) note.textContent = say("compare_one");
      judge(answer.undiagnosed);
      hold(answer.runs);
      if (answer.runs.some(told.lives)) timer = setTimeout(() => (document.hidden ? again() : load()), AGAIN);
    } catch (error) {
      note.textContent = error.message;
    }
  }

  /** Have those judged that nobody has diagnosed, once, and show what was found. */
  async function judge(ids) {
    let missing = ids.filter((id) => !judged.has(id)), found = false;
    while (missing.length) {
      missing.forEach((id) => judged.add(id));
      const { counts } = await ask(`/api/findings?ids=${missing.join(",")}`).catch(() => ({ counts: {} }));
      found ||= Object.values(counts).some(Boolean);
      missing = Object.keys(counts).length ? missing.filter((id) => !(id in counts)) : [];
    }
    if (found) load();
  }

  /** Hold the other runs against the first: when the choice changes, and when one that goes on has ended. */
  async function hold(runs) {
    const key = JSON.stringify([runs.map((run) => [run.id, Boolean(told.lives(run))]), page.lang]);
    if (key === held || runs.length < 2) return;
    held = key;
    const query = new URLSearchParams({ runs: runs.map((run) => run.id).join(","), lang: page.lang });
    const { section } = await ask(`/api/compare/differences?${query}`).catch(() => ({ section: null }));
    if (key !== held) return; // something else was asked for meanwhile
    differences = section && { ...section, of: runs.map((run) => run.id).join(",") };
    if (section) load();
  }

  function again() {
    document.addEventListener("visibilitychange", load, { once: true });
  }

  async function draw(answer) {
    showRuns(answer);
    const signals = JSON.stringify(answer.signals);
    if (signals !== offered) { // a list that somebody has open stays open
      offered = signals;
      signal.replaceChildren(...answer.signals.map(([name, label]) => make("option", { value: name, text: label })));
    }
    if (answer.signal) signal.value = answer.signal;
    const lacks = answer.missing.concat(answer.unknown);
    note.textContent = [
      answer.runs.length === 1 && asked.view !== "overlay" ? say("compare_more") : "", lacks.length ? `${say("not_comparable")}: ${lacks.join(", ")}` : "",
    ].filter(Boolean).join(" ");
    const text = JSON.stringify([answer.figure, answer.chart]), outline = answer.chart && newllm.outlined(answer.chart);
    if (text !== shown) {
      shown = text;
      const handle = handles.get("compared"), zoom = handle?.view?.zoomed && handle.shown;
      if (handle && outline === drawn) { // runs that go on: the chart stays, and who reads it
        newllm.renewTable(chart, answer.figure);
        await handle.renew(answer.chart);
      } else {
        drawn = outline;
        handles.forEach((one) => one.destroy());
        chart.innerHTML = answer.figure; // made and escaped by the server
        handles = answer.figure ? await newllm.hydrate(chart, { compared: answer.chart }) : new Map();
        if (zoom) handles.get("compared")?.zoom(zoom.from, zoom.to);
      }
    }
    const all = [answer.section, differences?.of === answer.runs.map((run) => run.id).join(",") && differences].filter(Boolean);
    await sections.show(all, all.map((one) => one.id));
    if (!all.length) parts.replaceChildren();
    const below = parts.querySelector("#differences h2");
    lead.replaceChildren(...[...parts.querySelectorAll("#comparison .better")].map((one) => one.cloneNode(true)), // the answer first
      below ? make("p", {}, make("a", { href: "#differences", text: below.textContent })) : "");
  }

  /** Made anew only where they change: whoever is at one of them with the keyboard stays there while runs go on. */
  function showRuns({ runs, styles }) {
    const text = JSON.stringify([asked.view, styles, runs.map((run) => [run.id, run.name])]);
    if (text === chosen) return;
    chosen = text;
    const name = (element) => element.ariaLabel || element.textContent;
    const focused = chips.contains(document.activeElement) ? name(document.activeElement) : "";
    chips.replaceChildren(...runs.map((run, at) => {
      const { colour, dash } = asked.view === "difference" && !at ? { colour: "muted", dash: 0 } : styles[at];
      const swatch = make("i", { class: `plot-swatch ${["", "dashed", "dotted"][dash]}`, "aria-hidden": "true" });
      swatch.style.color = `var(--${colour})`;
      return make("li", { class: "chip" }, asked.view === "arms" ? "" : swatch, make("a", { href: `/run/${run.id}`, text: run.name }), at ? "" : make("small", { text: say("first_run") }),
        at ? make("button", { type: "button", class: "quiet", title: say("first_run"), "aria-label": `${say("first_run")}: ${run.name}`, text: "↑", onclick: () => change({ runs: [run.id, ...asked.runs.filter((id) => id !== run.id)] }) }) : "",
        make("button", { type: "button", class: "quiet", title: say("remove"), "aria-label": `${say("remove")}: ${run.name}`, text: "×", onclick: () => change({ runs: asked.runs.filter((id) => id !== run.id) }) }));
    }));
    if (focused) [...chips.querySelectorAll("a, button")].find((element) => name(element) === focused)?.focus();
  }

  newllm.compared = () => handles.get("compared"); // for who looks from the console, and for benchmarks/pages/live_speed.py

  addEventListener("popstate", () => { asked = read(); load(); });
  load();
})();
