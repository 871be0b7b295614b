"use strict";
/** The list of runs: live, filtered by typing, sorted by its heads, chosen for comparing. */
(() => {
  const { ask, make, page, say, told } = newllm;
  const POLL = 1500, SPARK = 4000, JUDGE = 20000; // milliseconds
  const runs = new Map(), sparks = new Map(), judged = new Map(), chosen = new Set();
  const query = new URLSearchParams(location.search);
  const sorted = { by: query.get("sort") || "when", down: query.get("up") === null };
  let version = 0, list = null, shown = [], judging = false, fetched = "", settings = null, last = null, asking = false, stale = false;

  const place = document.getElementById("runs");
  const filter = make("input", { type: "search", placeholder: say("filter"), "aria-label": say("filter"), title: say("filter_help"), oninput: refresh });
  filter.value = query.get("q") || "";
  const columns = new newllm.RunColumns(query.get("columns"), () => { arrange(); update().catch(() => {}); });
  const count = make("span", { class: "muted", role: "status" });
  const order = make("select", { class: "order", "aria-label": say("sort"), onchange: () => sortBy(order.value) });
  const archived = make("button", { type: "button", class: "quiet", hidden: true, onclick: () => { withArchived = !withArchived; refresh(); } });
  let withArchived = query.has("archived");
  const bin = make("button", { type: "button", class: "quiet", text: say("trash"), onclick: () => newllm.organise.trash(update) });
  const selection = newllm.runSelection({ chosen, runs, shown: () => shown, refresh, update: () => update(), chooseAll });
  const bar = make("div", { class: "tools" }, filter, count, make("span", { class: "grow" }), order, archived, columns.menu);
  const notes = make("p", { class: "muted small" });

  /** What the doctor found: of findings.json, else as it was judged for this list. */
  const findings = (run) => run.findings || judged.get(run.id)?.counts || null;
  /** A run with the best validation that its curve brought, where its own files do not say it. */
  const withBest = (run) => (run.loss == null ? { ...run, ...sparks.get(run.id)?.curve?.best } : run);
  const faults = (run) => { const found = findings(run); return found ? found.fault * 1e6 + found.warning * 1e3 + found.note : -1; };
  const USUAL = {
    name: { sort: (run) => run.name.toLowerCase(), up: true },
    curve: {},
    state: { sort: (run) => run.status + String((run.step ?? 0) / (run.steps || 1)), up: true },
    best: { sort: (run) => run.bits ?? 1e6 + (withBest(run).loss ?? Infinity), up: true },
    findings: { sort: faults },
    when: { sort: (run) => run.heard ?? 0 },
  };

  /** The columns in their order, each with what it is sorted by. */
  const arranged = () => [["name", USUAL.name], ...columns.chosen.map((key) => [key, USUAL[key] ?? sortable(newllm.runColumn(key))])];
  const sortable = ({ of, down }) => ({ sort: (run) => { const value = of(run); return typeof value === "string" ? value.toLowerCase() : typeof value === "boolean" ? Number(value) : value; }, up: !down });
  const labelOf = (key) => (Object.hasOwn(USUAL, key) ? say(key) : newllm.runColumn(key).label);

  function head() {
    const cells = arranged().map(([key, { sort, up }]) => {
      const cell = make("th", { scope: "col", class: Object.hasOwn(USUAL, key) ? key : "extra", "data-key": key });
      if (key !== "name") cell.style.width = `${columns.widthOf(key)}rem`;
      if (!sort) cell.textContent = say(key);
      else cell.append(make("button", { type: "button", title: labelOf(key), onclick: () => sortBy(key, up) }, labelOf(key).split(".").at(-1), make("i", { "aria-hidden": "true" })));
      return cell;
    });
    const pick = make("input", { type: "checkbox", "aria-label": say("choose_all"), onchange: chooseAll });
    return make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "pick" }, pick), ...cells));
  }

  function sortBy(key, up = Object.hasOwn(USUAL, key) ? USUAL[key].up : sortable(newllm.runColumn(key)).up) {
    Object.assign(sorted, sorted.by === key ? { down: !sorted.down } : { by: key, down: !up });
    refresh();
  }

  /** Lay the table out for the columns that are chosen. */
  function arrange() {
    if (sorted.by !== "name" && !columns.has(sorted.by)) Object.assign(sorted, { by: "when", down: true });
    table.tHead.replaceWith(head());
    document.body.style.setProperty("--wide", `${columns.width}rem`);
    fit();
    table.classList.toggle("more", columns.extra.length > 0);
    order.replaceChildren(...arranged().filter(([, { sort }]) => sort).map(([key]) => make("option", { value: key, text: labelOf(key) })), ...(columns.has("when") ? [] : [make("option", { value: "when", text: say("when") })]));
    list.forget();
    if (fetched === wanted().join()) refresh();
  }

  /** A table that is wider than the window moves under what stands above it. */
  function fit() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    document.body.classList.toggle("wide", innerWidth > 40 * rem && (columns.width + 3) * rem > innerWidth);
  }

  /** Choose a run or not; with the shift key all from the last one that was chosen. */
  function choose(id, is, further = false) {
    const [from, to] = [last, id].map((one) => shown.findIndex((run) => run.id === one));
    const ids = further && from >= 0 && to >= 0 ? shown.slice(Math.min(from, to), Math.max(from, to) + 1).map((run) => run.id) : [id];
    for (const one of ids) {
      if (is) chosen.add(one);
      else chosen.delete(one);
    }
    last = id;
    refresh();
  }

  function chooseAll() {
    const every = shown.every((run) => chosen.has(run.id));
    for (const run of shown) {
      if (every) chosen.delete(run.id);
      else chosen.add(run.id);
    }
    refresh();
  }

  /** Everything that a person may look for in a run. */
  const words = (run) => [run.name, run.about, run.status, say(run.status), run.cause, run.remedy, run.message, run.note, ...(run.tags || []), ...(run.problems || []), ...Object.values(run.settings || {})].join(" ").toLowerCase();

  /** The settings that the list is given: those of columns, and those that the filter compares. */
  const wanted = () => [...new Set([...columns.extra.filter((one) => one.setting).map(({ key }) => key), ...newllm.runFilter(filter.value, settings).settings])].sort();

  function refresh() {
    const typed = newllm.runFilter(filter.value, settings);
    if ((typed.needs || (stale && typed.unknown.length)) && !asking) know();
    if (fetched !== wanted().join() && !typed.needs) update().catch(() => {});
    const { sort } = (arranged().find(([key]) => key === sorted.by) || ["when", USUAL.when])[1];
    const sign = sorted.down ? -1 : 1, missing = (value) => value === undefined || value === null || value === "";
    const there = [...runs.values()], visible = there.filter((run) => withArchived || !run.archived);
    shown = visible.filter((run) => typed.matches(run, typed.any ? words(run) : ""))
      .map((run) => [sort(run), run])
      .sort(([a, one], [b, other]) => missing(a) - missing(b) || (a < b ? -sign : a > b ? sign : one.name < other.name ? -1 : 1)).map(([, run]) => run);
    const put = there.length - there.filter((run) => !run.archived).length;
    const lacking = typed.lacking(visible);
    count.textContent = typed.unknown.length && !typed.needs && !shown.length ? say("no_column").replace("{name}", typed.unknown[0])
      : say("n_listed").replace("{n}", typed.any ? `${told.whole(shown.length)} ${say("of")} ${told.whole(visible.length)}` : told.whole(visible.length))
        + (lacking ? ` ${say("n_lacking").replace("{n}", lacking.count).replace("{name}", lacking.name)}` : "");
    archived.hidden = !put;
    archived.textContent = say(withArchived ? "hide_archived" : "show_archived").replace("{n}", told.whole(put));
    for (const cell of table.tHead.rows[0].cells) {
      if (cell.dataset.key === sorted.by) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    order.value = sorted.by;
    selection.show(table.tHead.querySelector(".pick input"));
    none.hidden = shown.length > 0 || !runs.size;
    list.show(shown);
    if (shown.length) newllm.mark("rows");
    remember();
  }

  /** Ask which settings there are: the filter names one. */
  async function know() {
    asking = true;
    try {
      stale = false;
      settings = (await ask("/api/columns")).columns.map(({ name }) => name);
      await update();
    } finally {
      asking = false;
    }
  }

  function remember() {
    const kept = new URLSearchParams(location.search);
    for (const [key, value] of [["q", filter.value], ["sort", sorted.by === "when" ? "" : sorted.by], ["up", sorted.down ? "" : "1"], ["columns", columns.address], ["archived", withArchived ? "1" : ""]]) {
      if (value) kept.set(key, value);
      else kept.delete(key);
    }
    const text = kept.toString();
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
  }

  const stamp = (run) => `${run.version}|${fetched}|${withBest(run).loss}|${JSON.stringify(findings(run))}|${chosen.has(run.id)}`;

  /** Let a row say how long ago it was, without making it anew. */
  function tick(run) {
    const cell = list.made.get(run.id)?.element.querySelector(".when time"), text = told.ago(run.heard);
    if (cell && cell.textContent !== text) cell.textContent = text;
  }

  /** Ask for the curves of what is seen and has none, or an old one. */
  async function seen(items) {
    paint(items);
    for (const run of items) tick(run);
    judge(items);
    const now = performance.now();
    const missing = items.filter((run) => {
      const spark = sparks.get(run.id);
      return !spark || (spark.version !== run.version && now - spark.asked > SPARK);
    }).slice(0, 60);
    if (!missing.length) return;
    for (const run of missing) sparks.set(run.id, { ...sparks.get(run.id), version: run.version, asked: now });
    try {
      const found = await ask(`/api/sparks?ids=${missing.map((run) => run.id).join(",")}`);
      for (const [id, curve] of Object.entries(found)) Object.assign(sparks.get(id), { curve, painted: null });
      if (Object.values(found).some((curve) => curve.best)) refresh();
    } catch {
      for (const run of missing) sparks.delete(run.id);
    }
    paint(list.items.filter((run) => list.made.has(run.id)));
  }

  /** Ask what the doctor finds in what is seen and was not diagnosed: one question at a time, each answered in part. */
  async function judge(items) {
    const now = performance.now();
    const missing = items.filter((run) => {
      const known = judged.get(run.id);
      return !run.findings && (!known || (known.version !== run.version && now - known.asked > JUDGE));
    }).slice(0, 60);
    if (judging || !missing.length) return;
    judging = true;
    try {
      const { counts } = await ask(`/api/findings?ids=${missing.map((run) => run.id).join(",")}`);
      for (const run of missing) if (run.id in counts) judged.set(run.id, { version: run.version, counts: counts[run.id], asked: now });
      judging = false;
      if (Object.keys(counts).length) refresh();
    } catch {
      judging = false; // the next look asks again
    }
  }

  function paint(items) {
    for (const { id } of items) {
      const spark = sparks.get(id), canvas = list.made.get(id)?.element.querySelector("canvas");
      if (!spark?.curve?.x || !canvas || spark.painted === canvas) continue;
      newllm.spark(canvas, spark.curve.x, spark.curve.y.map(Number), { colour: spark.curve.name === "loss" ? "training" : "validation" });
      spark.painted = canvas;
      newllm.mark("curves");
    }
  }

  async function poll() {
    try {
      if (!document.hidden || !version) await update();
      notes.classList.remove("problem");
    } catch (error) {
      notes.textContent = say("not_live");
      notes.classList.add("problem");
    }
    setTimeout(poll, POLL);
  }

  let going = Promise.resolve();
  /** Ask what is new, one question after the other: an older answer must not come last. */
  const update = () => (going = going.catch(() => {}).then(askAgain));

  async function askAgain() {
    const names = wanted(), other = fetched !== names.join();
    const answer = await ask(`/api/runs?since=${other ? 0 : version}${names.length ? `&columns=${encodeURIComponent(names.join(","))}` : ""}`);
    fetched = names.join();
    if (answer.whole) runs.clear(); // also where another server answers by now
    for (const run of answer.runs) runs.set(run.id, run);
    for (const id of answer.gone) { runs.delete(id); chosen.delete(id); }
    stale ||= answer.runs.length > 0; // there may be other settings by now
    const told = [answer.cut && say("cut"), answer.links && say("links")].filter(Boolean);
    notes.textContent = told.join(" ");
    version = answer.version;
    if (answer.ready && !runs.size && answer.studies) toStudies();
    empty.hidden = !answer.ready || runs.size > 0;
    waiting.hidden = answer.ready || runs.size > 0;
    bar.hidden = table.hidden = keys.hidden = !runs.size;
    foot.hidden = page.demo;
    refresh();
  }

  /** Where there are studies and no runs the page opens on those; who comes back from there wants to see this one. */
  function toStudies() {
    if (sessionStorage.getItem("newllm-studies")) return;
    sessionStorage.setItem("newllm-studies", "shown");
    location.replace("/studies");
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === filter;
    if (event.key === "/" && !typing) { event.preventDefault(); filter.focus(); return; }
    if (event.key === "Escape" && typing) { filter.value = ""; refresh(); return; }
    const row = event.target.closest?.("tr[data-id]");
    const by = { ArrowDown: 1, ArrowUp: -1, ...(typing ? {} : { j: 1, k: -1 }) }[event.key];
    if (by && (row || typing || event.target === document.body)) {
      event.preventDefault();
      const at = row ? shown.findIndex((run) => run.id === row.dataset.id) + by : by > 0 ? 0 : shown.length - 1;
      if (shown[at]) list.reveal(at)?.querySelector("a").focus({ preventScroll: true });
    } else if (typing || event.target.closest?.("input, select, textarea, dialog, details")) return;
    else if (event.key.toLowerCase() === "x" && row) choose(row.dataset.id, !chosen.has(row.dataset.id), event.shiftKey);
    else if (event.key.toLowerCase() === "c") selection.compare();
    else if (event.key === "Delete") selection.remove();
  }

  const waiting = make("p", { class: "muted", role: "status", text: say("looking") });
  const empty = document.getElementById("no-runs");
  const none = make("p", { class: "muted empty", hidden: true, text: say("no_match") });
  const table = make("table", { class: "runs", hidden: true }, make("thead"));
  const keys = make("p", { class: "muted small keys", text: say(page.demo ? "keys_demo" : "keys"), hidden: true });
  const foot = make("p", { class: "list-foot" }, bin);
  const draw = newllm.runRow({ columns, isChosen: (id) => chosen.has(id), choose, findings, withBest });
  list = new newllm.Rows(table, { draw, key: (run) => run.id, stamp, seen });
  arrange();
  bar.hidden = true;
  place.replaceChildren(bar, selection.bar, notes, waiting, empty, table, none, keys, foot);
  newllm.organise.resume(update);
  addEventListener("keydown", press);
  addEventListener("resize", fit);
  newllm.onColours(() => { for (const spark of sparks.values()) spark.painted = null; paint(list.items); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) update().catch(() => {}); });
  if (document.hidden) poll();
  else requestAnimationFrame(() => setTimeout(poll)); // what the page says by itself is painted first
})();
