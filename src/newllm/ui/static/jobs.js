"use strict";
/** Doctor and replay of one run: the buttons that start them, their progress, and how they ended. */
(() => {
  const { ask, make, page, say, told } = newllm;
  const BUDGETS = [60, 300, 900, 3600];

  class Jobs {
    /**
     * @param {{run: string, actions: HTMLElement, place: HTMLElement, links: Node[]}} where
     */
    constructor({ run, actions, place, links }) {
      Object.assign(this, { run, place, links, gone: false, since: 0, hidden: new Set(), cards: new Map() });
      this.doctor = make("button", { type: "button", title: say("doctor_title"), text: say("doctor"), onclick: () => this.start("doctor") });
      this.replay = make("button", { class: "primary", type: "button", title: say("replay_title"), text: say("replay"), onclick: () => this.start("replay") });
      this.budget = make("select", { "aria-label": say("budget"), title: say("budget") }, ...BUDGETS.map((seconds) => make("option", { value: seconds, text: say(`budget_${seconds}`) })));
      this.budget.value = "300";
      this.error = make("p", { class: "problem", role: "alert", hidden: true });
      this.offered = make("span", { class: "joined", hidden: true }, this.replay, this.budget);
      actions.append(...(page.demo ? links : [this.doctor, ...links, this.offered])); // what comes later stands last: nothing moves
      place.before(this.error);
    }

    /** Offer a replay where there is something to replay. */
    offerReplay(is) {
      this.offered.hidden = !is || page.demo;
      this.replay.classList.toggle("primary", !page.run.cause); // where a cause is shown nothing has to be done
    }

    /** Offer nothing of a run that was deleted; all again of one that is back. */
    exists(is) {
      this.gone = !is;
      for (const link of this.links) {
        if (link.tagName === "BUTTON") { link.disabled = !is; continue; }
        link.dataset.href ??= link.getAttribute("href");
        if (is) link.setAttribute("href", link.dataset.href);
        else link.removeAttribute("href");
        link.setAttribute("aria-disabled", String(!is));
      }
      this.show(this.jobs || []);
    }

    async start(kind) {
      const sent = kind === "replay" ? { kind, budget: Number(this.budget.value) } : { kind };
      this.error.hidden = true;
      try {
        const job = await ask(`/api/run/${this.run}/jobs`, sent);
        this.since = job.began;
        if (!this.jobs?.some(({ id }) => id === job.id)) this.show([job, ...(this.jobs || [])]);
      } catch (error) {
        this.error.textContent = error.message;
        this.error.hidden = false;
      }
    }

    /** Show a list that the stream brought. One made before the last job began can arrive after that job's answer. */
    take({ at, jobs }) {
      if (at >= this.since) this.show(jobs);
    }

    /** @param {object[]} jobs the newest first */
    show(jobs) {
      this.jobs = jobs;
      const goes = (kind) => jobs.some((job) => job.kind === kind && ["running", "stopping"].includes(job.state));
      this.doctor.disabled = this.gone || goes("doctor");
      this.replay.disabled = this.budget.disabled = this.gone || goes("replay");
      const newest = ["replay", "doctor"].map((kind) => jobs.find((job) => job.kind === kind)).filter((job) => job && !this.hidden.has(job.id));
      for (const [id, card] of this.cards) if (!newest.some((job) => job.id === id)) { card.remove(); this.cards.delete(id); }
      for (const job of newest) {
        const card = this._card(job), before = this.cards.get(job.id);
        const focused = before?.contains(document.activeElement);
        if (before) before.replaceWith(card);
        else this.place.append(card);
        this.cards.set(job.id, card);
        if (focused) card.querySelector("button")?.focus();
      }
    }

    _card(job) {
      const goes = ["running", "stopping"].includes(job.state);
      const button = goes
        ? make("button", { type: "button", text: say(job.state === "stopping" ? "stopping" : "stop"), disabled: job.state === "stopping", onclick: () => ask(`/api/jobs/${job.id}/stop`, {}).catch(() => {}) })
        : make("button", { class: "quiet", type: "button", text: say("hide"), onclick: () => { this.hidden.add(job.id); this.show(this.jobs); } });
      const head = make("div", { class: "job-head" }, make("b", { text: say(`job_${job.kind}`) }), make("span", { class: "muted", text: this._time(job, goes) }), make("span", { class: "grow" }), button);
      return make("div", { role: "group", class: `job ${job.state}`, "aria-label": say(`job_${job.kind}`) }, head, ...(goes ? this._progress(job) : this._result(job)), ...this._tried(job));
    }

    _time(job, goes) {
      const past = told.lasted(job.seconds);
      return goes && job.budget ? `${past} / ${told.lasted(job.budget)}` : past;
    }

    _progress(job) {
      const { stage, done, may, newest } = job.progress;
      if (!stage) return [make("p", { class: "muted", text: say("starting") }), ...(job.budget ? [make("progress", { max: job.budget, value: Math.min(job.seconds, job.budget) })] : [])];
      const count = job.replayed ? ` · ${job.replayed} ${say("replays")}` : "";
      const spiked = { true: ` ${say("spiked")}`, false: ` ${say("not_spiked")}` }[newest?.spiked] || "";
      const is_null = newest?.name === "unmodified", injected = !is_null && stage === "reverse test" ? ` (${say("injected")})` : "";
      const text = newest ? `${is_null ? say("unmodified") : newest.name}${injected} #${newest.replay}${spiked}` : "";
      const words = `${this._named("stage", stage)}${may > 1 ? `, ${Math.max(done, 0)} ${say("up_to")} ${may}` : ""}${count}${text ? ` · ${text}` : ""}`;
      return [make("progress", { max: job.budget || 1, value: Math.min(job.seconds, job.budget || 1), "aria-label": words }), make("p", { text: words })];
    }

    _result(job) {
      const { result } = job;
      if (job.state === "stopped") return [make("p", { text: say("job_stopped") })];
      if (job.state === "failed") return [make("p", { class: "problem", text: `${say("job_failed")}: ${result.said || result.code}` })];
      if (job.kind === "replay") return result.sentences.map(({ text, lang }) => make("p", { class: result.identical === false ? "problem" : null, lang, text }));
      if (!result.judged) return [make("p", { text: say("job_unjudged") })];
      const any = Object.values(result.counts).some(Boolean);
      return [any ? make("p", {}, `${say("job_found")} `, ...told.findings({ findings: result.counts })) : make("p", { text: say("job_nothing") })];
    }

    /** The words for what a command calls by a name of its own. */
    _named(kind, name) {
      const key = `${kind}.${name}`, words = say(key);
      return words === key ? name : words;
    }

    _tried(job) {
      const { tried } = job.progress;
      if (!tried.length) return [];
      const rows = tried.slice(-8).map((one) => make("li", {}, make("small", { text: this._named("stage", one.stage) }), ` ${one.name} `,
        make("b", { text: `${this._named("outcome", one.outcome)} · ${one.spiked}/${one.n} ${say("spiked")}` })));
      return [make("details", { open: job.state === "running" }, make("summary", { text: `${say("tried")} (${tried.length})` }), make("ul", {}, ...rows))];
    }
  }

  newllm.Jobs = Jobs;
})();
