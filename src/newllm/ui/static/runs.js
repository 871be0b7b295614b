"use strict";
/** The list of runs: live, filtered by typing, sorted by its heads, chosen for comparing. */
(() => {
  const { ask, make, say, told } = newllm;
  const POLL = 1500, SPARK = 4000, JUDGE = 20000, MOST_CHOSEN = 24; // milliseconds, three times; runs
  const runs = new Map(), sparks = new Map(), judged = new Map(), chosen = new Set();
  const query = new URLSearchParams(location.search);
  const sorted = { by: query.get("sort") || "when", down: query.get("up") === null };
  let version = 0, list = null, shown = [], judging = false;

  const place = document.getElementById("runs");
  const filter = make("input", { type: "search", placeholder: say("filter"), "aria-label": say("filter"), value: query.get("q") || "", oninput: refresh });
  filter.value = query.get("q") || "";
  const count = make("span", { class: "muted", role: "status" });
  const compare = make("a", { class: "button primary", hidden: true });
  const clear = make("button", { type: "button", text: say("clear"), hidden: true, onclick: () => { chosen.clear(); refresh(); } });
  const bar = make("div", { class: "tools" }, filter, count, make("span", { class: "grow" }), clear, compare);
  const notes = make("p", { class: "muted small" });

  /** What the doctor found: of findings.json, else as it was judged for this list. */
  const findings = (run) => run.findings || judged.get(run.id)?.counts || null;
  /** A run with the best validation that its curve brought, where its own files do not say it. */
  const withBest = (run) => (run.loss == null ? { ...run, ...sparks.get(run.id)?.curve?.best } : run);
  const faults = (run) => { const found = findings(run); return found ? found.fault * 1e6 + found.warning * 1e3 + found.note : -1; };
  const COLUMNS = [
    { key: "name", sort: (run) => run.name.toLowerCase(), up: true },
    { key: "curve" },
    { key: "state", sort: (run) => run.status + String((run.step ?? 0) / (run.steps || 1)), up: true },
    { key: "best", sort: (run) => run.bits ?? 1e6 + (withBest(run).loss ?? Infinity), up: true },
    { key: "findings", sort: faults },
    { key: "when", sort: (run) => run.heard ?? 0 },
  ];

  function head() {
    const cells = COLUMNS.map(({ key, sort, up }) => {
      const cell = make("th", { scope: "col", class: key });
      if (!sort) cell.textContent = say(key);
      else cell.append(make("button", { type: "button", onclick: () => {
        Object.assign(sorted, sorted.by === key ? { down: !sorted.down } : { by: key, down: !up });
        refresh();
      } }, say(key), make("i", { "aria-hidden": "true" })));
      return cell;
    });
    return make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "pick" }, make("span", { class: "unseen", text: say("choose") })), ...cells));
  }

  function draw(run, before) {
    const cut = run.name.lastIndexOf("/") + 1;
    const pick = make("input", { type: "checkbox", "aria-label": `${say("choose")}: ${run.name}`, onchange: () => choose(run.id, pick.checked) });
    pick.checked = chosen.has(run.id);
    const canvas = before?.querySelector("canvas") || make("canvas", { class: "spark", "aria-hidden": "true" });
    const link = make("a", { href: `/run/${run.id}` }, cut ? make("span", { class: "folder", text: run.name.slice(0, cut) }) : "", run.name.slice(cut));
    const row = make(
      "tr", { "data-id": run.id, class: chosen.has(run.id) ? "chosen" : null },
      make("td", { class: "pick" }, pick),
      make("th", { scope: "row", class: "name" }, link, run.problems ? make("small", { class: "doubt", title: run.problems.join("; "), text: `▲ ${run.problems[0]}` }) : make("small", { text: run.about || "" })),
      make("td", { class: "curve" }, canvas),
      make("td", { class: "state" }, told.state(run), progress(run)),
      make("td", { class: "best" }, ...told.best(withBest(run))),
      make("td", { class: "findings" }, ...told.findings({ ...run, findings: findings(run) }), ...told.cause(run)),
      make("td", { class: "when" }, make("time", { title: told.date(run.heard), text: told.ago(run.heard) })),
    );
    if (!before) return row;
    // The row stays: who has the focus in it, or reads it, is not thrown out.
    const focused = before.contains(document.activeElement) ? document.activeElement.tagName : null;
    before.className = row.className;
    before.replaceChildren(...row.childNodes);
    if (focused) before.querySelector(focused === "A" ? "a" : "input").focus({ preventScroll: true });
    return before;
  }

  function progress(run) {
    if (run.step == null) return "";
    const words = run.steps && run.step < run.steps ? `${told.whole(run.step)} / ${told.whole(run.steps)}` : told.whole(run.step);
    if (!run.steps || !told.lives(run)) return make("small", { text: words });
    return make("small", {}, make("progress", { max: run.steps, value: run.step, "aria-label": words }), words);
  }

  function choose(id, is) {
    if (is && chosen.size < MOST_CHOSEN) chosen.add(id);
    else chosen.delete(id);
    refresh();
  }

  /** Everything that a person may look for in a run. */
  const words = (run) => [run.name, run.about, run.status, say(run.status), run.cause, run.remedy, run.message, ...(run.problems || [])].join(" ").toLowerCase();

  function refresh() {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { sort } = COLUMNS.find(({ key }) => key === sorted.by) || COLUMNS.at(-1);
    const sign = sorted.down ? -1 : 1;
    shown = [...runs.values()].filter((run) => { const has = words(run); return wanted.every((word) => has.includes(word)); })
      .map((run) => [sort(run), run])
      .sort(([a, one], [b, other]) => (a < b ? -sign : a > b ? sign : one.name < other.name ? -1 : 1)).map(([, run]) => run);
    count.textContent = wanted.length ? `${told.whole(shown.length)} ${say("of")} ${told.whole(runs.size)}` : told.whole(runs.size);
    for (const [at, cell] of [...list.table.tHead.rows[0].cells].entries()) {
      const key = COLUMNS[at - 1]?.key;
      if (key === sorted.by) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    compare.hidden = clear.hidden = !chosen.size;
    compare.textContent = `${say("compare_chosen")} (${chosen.size})`;
    compare.href = `/compare?runs=${[...chosen].join(",")}`;
    none.hidden = shown.length > 0 || !runs.size;
    list.show(shown);
    if (shown.length) newllm.mark("rows");
    remember();
  }

  function remember() {
    const kept = new URLSearchParams(location.search);
    for (const [key, value] of [["q", filter.value], ["sort", sorted.by === "when" ? "" : sorted.by], ["up", sorted.down ? "" : "1"]]) {
      if (value) kept.set(key, value);
      else kept.delete(key);
    }
    const text = kept.toString();
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
  }

  const stamp = (run) => `${run.version}|${withBest(run).loss}|${JSON.stringify(findings(run))}|${chosen.has(run.id)}|${told.ago(run.heard)}`;

  /** Ask for the curves of what is seen and has none, or an old one. */
  async function seen(items) {
    paint(items);
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

  async function update() {
    const answer = await ask(`/api/runs?since=${version}`);
    if (answer.whole) runs.clear(); // also where another server answers by now
    for (const run of answer.runs) runs.set(run.id, run);
    for (const id of answer.gone) { runs.delete(id); chosen.delete(id); }
    const told = [answer.cut && say("cut"), answer.links && say("links")].filter(Boolean);
    notes.textContent = told.join(" ");
    version = answer.version;
    if (answer.ready && !runs.size && answer.studies) toStudies();
    empty.hidden = !answer.ready || runs.size > 0;
    waiting.hidden = answer.ready || runs.size > 0;
    bar.hidden = table.hidden = keys.hidden = !runs.size;
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
    } else if (!typing && event.key.toLowerCase() === "x" && row) choose(row.dataset.id, !chosen.has(row.dataset.id));
    else if (!typing && event.key.toLowerCase() === "c" && chosen.size) location.href = compare.href;
  }

  const waiting = make("p", { class: "muted", role: "status", text: say("looking") });
  const empty = document.getElementById("no-runs");
  const none = make("p", { class: "muted empty", hidden: true, text: say("no_match") });
  const table = make("table", { class: "runs", hidden: true }, head());
  const keys = make("p", { class: "muted small keys", text: say("keys"), hidden: true });
  list = new newllm.Rows(table, { draw, key: (run) => run.id, stamp, seen });
  bar.hidden = true;
  place.replaceChildren(bar, notes, waiting, empty, table, none, keys);
  addEventListener("keydown", press);
  newllm.onColours(() => { for (const spark of sparks.values()) spark.painted = null; paint(list.items); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) update().catch(() => {}); });
  poll();
})();
