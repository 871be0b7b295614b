"use strict";
/** The page of one run: everything of its report, live while it trains. */
(() => {
  const { ask, make, page, say, told } = newllm;
  const id = page.run.id, lang = page.lang;
  const by = (name) => document.getElementById(name);
  const query = (values) => new URLSearchParams(Object.entries(values).flatMap(([key, value]) => [].concat(value).map((one) => [key, one])));
  let stream = null, overview = null, reached = null, best = null; // version and digest that this page shows

  const report = newllm.reportButton({ write: `/api/run/${id}/report`, fetch: () => `/run/${id}/report.html` });
  const sections = new newllm.Sections({ parts: by("parts"), contents: by("contents"), window: finer });
  const jobs = new newllm.Jobs({ run: id, actions: by("actions"), place: by("jobs"), links: [
    ...(page.run.playable ? [make("a", { class: "button", href: `/run/${id}/play`, text: say("play") })] : []),
    // With the last run of its program in which nothing is found, if there is one: what differs from it is told there.
    make("a", { class: "button", href: `/compare?runs=${[page.beside, id].filter(Boolean).join(",")}`, text: say("compare") }),
    report.button,
    ...(page.demo ? [] : [make("button", { type: "button", text: say("edit"), onclick: () => newllm.organise.edit(page.run, {
      after: () => {}, renamed: (id) => location.replace(`/run/${id}`), deleted: () => location.assign("/"),
    }) })]),
  ] });
  by("actions").after(report.said);

  newllm.sections = sections; // for who looks from the console, and for tests

  /** Ask for finer points of a stretch. */
  async function finer(names, from, to, points) {
    const found = await ask(`/api/run/${id}/window?${query({ name: names, from, to, points: Math.round(points) })}`);
    for (const curve of Object.values(found)) for (const part of [curve, curve.middle]) if (part) part.y = part.y.map(Number);
    return found;
  }

  function showState(run) {
    if (run.loss == null) run = { ...run, ...best }; // a recording: its curve says it
    const numbers = [
      [say("step"), run.steps ? `${told.whole(run.step ?? 0)} / ${told.whole(run.steps)}` : run.step == null ? "" : told.whole(run.step)],
      [say("best"), run.loss == null && run.bits == null ? "" : make("span", {}, ...told.best(run), ...(run.at == null ? [] : [make("small", { text: ` ${say("best_at")} ${told.whole(run.at)}` })]))],
      [say("parameters"), run.parameters ? told.whole(run.parameters) : ""],
      [say("trained_for"), told.lasted(run.seconds)],
      [say("speed"), run.speed ? told.whole(Math.round(run.speed)) : ""],
    ].filter(([, value]) => value !== "");
    const line = make("p", {}, told.state(run), " ", make("span", { class: "muted", text: run.about || "" }), " ", make("time", { class: "muted", title: told.date(run.heard), text: told.ago(run.heard) }), ...told.cause(run));
    const parts = [line];
    if (run.archived || run.tags) parts.push(make("p", {}, ...(run.archived ? [make("span", { class: "tag", text: say("archived") })] : []), ...(run.tags || []).map((tag) => make("span", { class: "tag", text: tag }))));
    if (run.note) parts.push(make("p", { class: "note", text: run.note }));
    if (told.lives(run) && run.steps) parts.push(make("progress", { max: run.steps, value: run.step ?? 0, "aria-label": `${say("step")} ${run.step}` }));
    parts.push(make("dl", {}, ...numbers.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", {}, value)))));
    if (run.message) parts.push(make("p", { class: "problem", text: run.message }));
    if (run.problems) parts.push(make("ul", { class: "problem" }, ...run.problems.map((text) => make("li", { text }))));
    by("state").replaceChildren(...parts);
    for (const one of [jobs.doctor, ...jobs.links.filter(({ href }) => href)]) one.hidden = run.status === "checked"; // nothing yet to diagnose or compare
  }

  /** The loss at a glance, until the sections are there. */
  async function glance() {
    const { [id]: curve } = await ask(`/api/sparks?ids=${id}`);
    if (curve?.best) { best = curve.best; showState(page.run); }
    if (!curve?.x || sections.shown.size) return;
    overview = () => newllm.spark(by("overview"), curve.x, curve.y.map(Number), { colour: curve.name === "loss" ? "training" : "validation" });
    by("overview").hidden = false;
    overview();
    newllm.mark("glance");
  }

  async function load() {
    const answer = await ask(`/api/run/${id}/sections?lang=${lang}`);
    take(answer);
    const first = !sections.shown.size, replayed = sections.shown.has("replay");
    await sections.show(answer.sections, answer.order, true);
    if (!first && !replayed) unfoldReplay();
    if (first && location.hash) {
      newllm.unfoldHere();
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    }
    by("overview").hidden = true;
    newllm.mark("sections");
    if (!answer.sections.length) by("parts").replaceChildren(make("p", { class: "muted", text: say("loading") }));
    listen(answer);
  }

  function take({ problems, replayable }) {
    by("problems").innerHTML = problems; // made and escaped by the server
    jobs.offerReplay(page.run.replayable && replayable);
  }

  function listen({ version, digest }) {
    stream?.close();
    reached = { version, digest };
    if (document.hidden) return; // a browser has six connections to a server: pages that nobody sees leave them to others
    stream = new EventSource(`/api/run/${id}/live?${query({ version, digest, lang })}`);
    stream.addEventListener("append", (event) => {
      reached.version = event.lastEventId || reached.version;
      sections.append(JSON.parse(event.data).signals);
    });
    stream.addEventListener("status", (event) => {
      const run = JSON.parse(event.data);
      if (run.status !== "gone") page.run = run;
      jobs.exists(run.status !== "gone");
      sayGone(run.status === "gone");
      showState(run);
    });
    stream.addEventListener("jobs", (event) => jobs.take(JSON.parse(event.data)));
    stream.addEventListener("sections", (event) => changed(JSON.parse(event.data).changed).catch(() => {})); // it has gone: the state says so
    stream.onopen = () => { by("lost").hidden = true; };
    stream.onerror = () => {
      if (jobs.gone) return;
      by("lost").hidden = false;
      if (stream.readyState === EventSource.CLOSED) setTimeout(start, 3000);
    };
  }

  /** Above all else: what stands below is of a run that is here no more. */
  function sayGone(is) {
    by("went").hidden = !is;
  }

  async function changed(ids) {
    if (ids.includes("*")) return load();
    const answer = await ask(`/api/run/${id}/sections?${query({ lang, ids: ids.join(",") })}`);
    take(answer);
    if (reached) reached.digest = answer.digest;
    const replayed = sections.shown.has("replay");
    await sections.show(answer.sections, answer.order);
    if (!replayed) unfoldReplay();
  }

  /** Whoever waited here for a first replay sees what it did. */
  function unfoldReplay() {
    const fold = sections.shown.get("replay")?.element.querySelector("details.fold");
    if (fold) fold.open = true;
  }

  /** The table behind a chart is brought up to date when it is opened. */
  by("parts").addEventListener("toggle", (event) => {
    const part = event.target.open && event.target.matches(".numbers") && event.target.closest("section.part");
    if (part) changed([part.id]).catch(() => {});
  }, true);

  function start() {
    load().catch((error) => {
      if (!sections.shown.size) by("parts").replaceChildren(make("p", { class: "problem", text: `${say("cannot")}: ${error.message}` }));
      if (error.status === 404) { // it went while nobody listened; a server that begins may not have found it yet
        jobs.exists(false);
        sayGone(true);
        showState({ status: "gone" });
        by("lost").hidden = true;
        setTimeout(start, 3000);
        return;
      }
      listen({ version: -1, digest: "" });
    });
  }

  by("state").before(make("p", { id: "went", class: "problem", hidden: true, role: "status", text: `${say("went")} ${say("gone_how")}` }));
  by("state").before(make("p", { id: "lost", class: "problem small", hidden: true, role: "status", text: say("not_live") }));
  by("overview").hidden = true;
  newllm.organise.resume(() => {});
  showState(page.run);
  glance().catch(() => {});
  start();
  newllm.onColours(() => overview?.());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream?.close();
    else if (reached && !jobs.gone) listen(reached);
  });
  addEventListener("pagehide", () => stream?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) start(); });
})();
