"use strict";
/** The columns of the list of runs: which there are, how each is shown and sorted, and which a person has chosen. */
(() => {
  const { ask, make, say, told } = newllm;
  const USUAL = ["curve", "state", "best", "findings", "when"];
  const WIDTHS = { curve: 11, state: 9.5, best: 9.5, findings: 14, when: 8, tags: 11, note: 18 }; // rem
  const OTHER = 9, NAME = 17, PICK = 2.4;

  const first = (text) => text.split("\n")[0];
  const count = (value) => (value == null ? "" : told.whole(value));
  /** What a run tells of itself beside its settings. */
  const FACTS = {
    tags: { of: (run) => run.tags?.join(", "), shown: (run) => chips(run.tags) },
    note: { of: (run) => run.note, shown: (run) => (run.note ? [make("span", { title: run.note, text: first(run.note) })] : []) },
    parameters: { of: (run) => run.parameters, shown: (run) => [count(run.parameters)], down: true },
    trained_for: { of: (run) => run.seconds, shown: (run) => [told.lasted(run.seconds)], down: true },
    speed: { of: (run) => run.speed, shown: (run) => [count(run.speed && Math.round(run.speed))], down: true },
    started: { of: (run) => run.started, shown: (run) => [make("time", { title: told.date(run.started), text: told.ago(run.started) })], down: true },
  };

  const labelOf = (key) => say(key === "note" ? "note_text" : key); // "note" is a severity
  const chips = (tags) => (tags || []).map((tag) => make("span", { class: "tag", text: tag }));

  /** A setting as it was written, numbers in few digits. */
  function setting(value) {
    if (value === undefined) return "";
    return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
  }

  /**
   * @param {string} key of a fact, or the name of a setting
   * @returns {{key: string, label: string, of: Function, shown: Function, down?: boolean}}
   */
  function column(key) {
    const fact = Object.hasOwn(FACTS, key) ? FACTS[key] : null;
    if (fact) return { key, label: labelOf(key), ...fact };
    return { key, label: key, setting: true, of: (run) => run.settings?.[key], shown: (run) => [setting(run.settings?.[key])] };
  }

  class RunColumns {
    /**
     * @param {string|null} asked of the address
     * @param {() => void} changed called when other columns are chosen
     */
    constructor(asked, changed) {
      this.changed = changed;
      this.chosen = asked === null ? [...USUAL] : asked.split(",").filter((key) => key && key !== "name");
      this.menu = this._menu();
    }

    /** As the address says it; empty for the usual ones. */
    get address() {
      return this.chosen.join() === USUAL.join() ? "" : this.chosen.join() || "name";
    }

    /** Those that are no usual ones. */
    get extra() {
      return this.chosen.filter((key) => !USUAL.includes(key)).map(column);
    }

    has(key) {
      return this.chosen.includes(key);
    }

    /** What the table needs at least, in rem. */
    get width() {
      return this.chosen.reduce((sum, key) => sum + this.widthOf(key), NAME + PICK);
    }

    widthOf(key) {
      return WIDTHS[key] ?? OTHER;
    }

    _menu() {
      const list = make("div", { class: "menu-list" });
      const search = make("input", { type: "search", placeholder: say("find_column"), "aria-label": say("find_column"), oninput: () => this._narrow(list, search.value) });
      const usual = make("button", { type: "button", text: say("usual_columns"), onclick: () => { this.chosen = [...USUAL]; search.value = ""; this._fill(list); this.changed(); } });
      const menu = make("details", { class: "menu" }, make("summary", { class: "button", text: say("columns") }), make("div", { class: "menu-box" }, search, list, usual));
      menu.addEventListener("toggle", () => { if (menu.open) { search.value = ""; this._fill(list); search.focus({ preventScroll: true }); menu.lastChild.scrollIntoView({ block: "nearest" }); } });
      menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.firstChild.focus(); event.stopPropagation(); } });
      addEventListener("pointerdown", (event) => {
        if (!menu.open || menu.contains(event.target)) return;
        menu.open = false; // and what lies under the finger is not meant
        addEventListener("click", (click) => { click.preventDefault(); click.stopPropagation(); }, { capture: true, once: true });
      });
      return menu;
    }

    async _fill(list) {
      const { columns } = await ask("/api/columns").catch(() => ({ columns: [] }));
      const differ = columns.filter((one) => one.differs).map(({ name }) => name), equal = columns.filter((one) => !one.differs).map(({ name }) => name);
      const groups = [["columns_usual", USUAL], ["columns_facts", Object.keys(FACTS)], ["columns_differ", differ], ["columns_equal", equal]];
      const gone = this.chosen.filter((key) => !groups.some(([, keys]) => keys.includes(key)));
      list.replaceChildren(...[...groups, ["columns_none", gone]].filter(([, keys]) => keys.length).map(([title, keys]) => make(
        "fieldset", {}, make("legend", { text: say(title) }), ...keys.map((key) => this._choice(key)),
      )));
    }

    _choice(key) {
      const box = make("input", { type: "checkbox", onchange: () => {
        this.chosen = box.checked ? [...this.chosen, key] : this.chosen.filter((one) => one !== key);
        if (USUAL.includes(key)) this.chosen = [...USUAL.filter((one) => this.has(one)), ...this.chosen.filter((one) => !USUAL.includes(one))];
        this.changed();
      } });
      box.checked = this.has(key);
      return make("label", {}, box, USUAL.includes(key) || Object.hasOwn(FACTS, key) ? labelOf(key) : key);
    }

    _narrow(list, typed) {
      const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
      for (const label of list.querySelectorAll("label")) label.hidden = !words.every((word) => label.textContent.toLowerCase().includes(word));
      for (const group of list.children) group.hidden = ![...group.querySelectorAll("label")].some((label) => !label.hidden);
    }
  }

  Object.assign(newllm, { RunColumns, runColumn: column, tagChips: chips, facts: FACTS });
})();
