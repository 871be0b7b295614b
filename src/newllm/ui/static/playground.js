"use strict";
// The playground's page: its two tabs, and one or two branches side by side.

(function (newllm) {
  const { make, say } = newllm;
  const place = document.getElementById("play");

  class Playground {
    constructor(about) {
      this.about = about;
      this._panels = [];
      this._place = make("div", { class: "play-panels" });
      this._parting = make("p", { class: "play-parting", role: "status" });
      this._add(new newllm.Branch(about));
      newllm.dropAtEnd(() => this._panels.map((panel) => panel.branch.name).filter(Boolean));
      this.element = make("div", {}, this._parting, this._place);
      this.contexts();
    }

    _add(branch) {
      const panel = new newllm.Panel(branch, {
        branch: (from) => this._branch(from), close: (gone) => this._close(gone),
        contexts: (contexts) => this.contexts(contexts), changed: () => this._compare(),
      });
      this._panels.push(panel);
      this._place.append(panel.element);
      this._arrange();
      return panel;
    }

    async _branch(from) {
      const panel = this._add(await from.branch.copy());
      if (this._saved) panel.controls.offer(this._saved);
      Object.assign(panel.controls.seed, { value: Number(from.controls.seed.value) + 1 });
      panel.controls.temperature.value = from.controls.temperature.value;
      panel.controls.tokens.value = from.controls.tokens.value;
      panel.controls.text.focus();
    }

    async _close(gone) {
      this._panels.splice(this._panels.indexOf(gone), 1);
      gone.element.remove();
      this._arrange();
      this._panels[0].controls.text.focus();
      await gone.branch.drop();
    }

    /** Offer the saved contexts in every panel. */
    async contexts(contexts = null) {
      try {
        this._saved = contexts ?? (await newllm.play("contexts")).contexts;
      } catch {
        return; // whatever is wrong with the worker is told where it is asked for something
      }
      for (const panel of this._panels) panel.controls.offer(this._saved);
    }

    _arrange() {
      const both = this._panels.length > 1;
      this._place.classList.toggle("both", both);
      this._panels.forEach((panel, at) => panel.arrange(at > 0, both));
      this._compare();
    }

    /** Say how far two branches are the same. */
    _compare() {
      const [one, two] = this._panels.map((panel) => panel.branch.story);
      if (!two) { this._parting.textContent = ""; return; }
      const common = one.common(two);
      if (common === null) { this._parting.textContent = ""; return; }
      const same = common === one.place && common === two.place;
      const told = say(same ? "play_same" : "play_part").replace("{n}", common.toLocaleString("en-US"));
      if (this._parting.textContent !== told) this._parting.textContent = told;
    }
  }

  /** Tabs, by the arrow keys too. @param {[string, Element][]} tabs */
  function tabs(entries) {
    const list = make("div", { role: "tablist", class: "play-tabs", "aria-label": say("play_title") });
    const buttons = entries.map(([key, content], at) => {
      content.id = `play-tab-${key}`;
      content.setAttribute("role", "tabpanel");
      content.setAttribute("aria-labelledby", `play-to-${key}`);
      return make("button", { type: "button", role: "tab", id: `play-to-${key}`, "aria-controls": content.id,
        text: say(`play_tab_${key}`), onclick: () => choose(at), onkeydown: (event) => move(event, at) });
    });
    function choose(chosen) {
      entries.forEach(([, content], at) => {
        content.hidden = at !== chosen;
        buttons[at].setAttribute("aria-selected", String(at === chosen));
        buttons[at].tabIndex = at === chosen ? 0 : -1;
      });
    }
    function move(event, at) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = (at + step + buttons.length) % buttons.length;
      choose(next);
      buttons[next].focus();
    }
    list.append(...buttons);
    choose(0);
    return [list, ...entries.map(([, content]) => content)];
  }

  function modelLine(about) {
    const hasRule = about.body !== "lstm" && (about.layers.length > 0 || about.matrix_numbers > 0);
    const parts = [about.body, ...(hasRule ? [about.rule] : []),
      `${about.parameters.toLocaleString("en-US")} ${say("play_parameters")}`,
      `${say("play_step")} ${about.step.toLocaleString("en-US")}`, `${about.tokenizer.name}, ${about.tokenizer.vocabulary.toLocaleString("en-US")} ${say("play_ids")}`];
    if (about.layers.length) {
      const size = about.layers.length > 1 ? `${about.layers.length} × ${about.channels}` : `${about.channels}`;
      parts.push(say("play_context_size").replace("{n}", size));
    }
    if (about.matrix_numbers) parts.push(say("play_matrix_size").replace("{n}", about.matrix_numbers.toLocaleString("en-US")));
    if (about.positions) parts.push(say("play_positions").replace("{n}", about.positions));
    return parts.join(" · ");
  }

  async function begin() {
    const waiting = make("p", { class: "muted", role: "status", text: say("play_loading") });
    place.replaceChildren(waiting);
    try {
      const about = await newllm.play("about");
      const playground = new Playground(about);
      const surprisal = new newllm.SurprisalPage(about);
      place.replaceChildren(make("p", { class: "muted play-model", text: modelLine(about) }),
        ...tabs([["write", playground.element], ["surprisal", surprisal.element]]));
      document.querySelector(".play textarea").value = newllm.page.example;
      if (matchMedia("(hover: hover)").matches) document.querySelector(".play textarea").focus(); // else its keyboard hides the page
    } catch (error) {
      const again = make("button", { type: "button", text: say("play_try_again"), onclick: begin });
      place.replaceChildren(make("p", { class: "play-problem", role: "alert", text: newllm.shown(error.message) }), again);
    }
  }

  if (newllm.page.others) {
    const go = (run) => { location.href = `/run/${run.id}/play`; };
    const other = newllm.picker(go, () => [newllm.page.run], { label: say("play_other"), fits: (run) => run.playable });
    document.querySelector(".play-head").append(other);
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const button of place.querySelectorAll(".play-controls .primary")) {
      if (!button.hidden && button.textContent === say("play_stop")) button.click();
    }
  });
  begin();
})(window.newllm);
