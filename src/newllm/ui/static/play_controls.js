"use strict";
// What a branch is told: text to read, how to write, and what to do with its context.

(function (newllm) {
  const { make, say } = newllm;
  let count = 0;

  /** A labelled field. */
  function field(key, control) {
    control.id = `play-${key}-${++count}`;
    return make("div", { class: "field" }, make("label", { for: control.id, text: say(`play_${key}`) }), control);
  }

  function number(value, attributes) {
    return make("input", { type: "number", value, inputmode: "decimal", ...attributes });
  }

  class Controls {
    /**
     * @param {Object} about
     * @param {{read: Function, write: Function, stop: Function, branch: Function, close: Function, clear: Function,
     *   save: Function, restore: Function}} actions
     */
    constructor(about, actions) {
      this._about = about;
      this._actions = actions;
      this.text = make("textarea", { rows: 2, spellcheck: "false", placeholder: say("play_type") });
      this.tokens = number(about.positions ? Math.min(24, about.positions - 1) : 120, { min: 1, max: about.limits.tokens, step: 1 });
      this.temperature = number(0.8, { min: 0, max: 10, step: 0.1 });
      this.seed = number(0, { min: 0, step: 1 });
      this.topK = number(0, { min: 0, step: 1 });
      this.topP = number(1, { min: 0.01, max: 1, step: 0.01 });
      this.name = make("input", { type: "text", maxlength: 64, pattern: "[A-Za-z0-9_\\-]+", spellcheck: "false", autocomplete: "off" });
      this.refused = make("p", { class: "play-problem", role: "alert" }); // why a name was not taken, beside it
      this.saved = make("select");
      this._makeButtons();
      this.element = make("div", { class: "play-controls" }, this._typing(), this._writing(), ...(newllm.page.demo ? [] : [this._keeping()]));
      this.text.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.act(); }
      });
      this.show({ busy: false, empty: true, second: false, both: false });
    }

    /** Write, or stop what is at work: what Ctrl+Enter does. */
    act() {
      if (this.buttons.stop.hidden) this._actions.write(); else this._actions.stop();
    }

    /** How to write, as the worker takes it. */
    get sampling() {
      const of = (input, or) => input.value === "" ? or : Number(input.value);
      return { tokens: of(this.tokens, 120), temperature: of(this.temperature, 0.8), seed: of(this.seed, 0),
        top_k: of(this.topK, 0), top_p: of(this.topP, 1) };
    }

    /** Show what can be done now. */
    show({ busy, empty, second, both }) {
      const { buttons } = this;
      buttons.stop.hidden = !busy;
      buttons.write.hidden = busy;
      for (const name of ["read", "clear", "save", "restore", "branch", "close"]) buttons[name].disabled = busy;
      buttons.clear.disabled ||= empty;
      buttons.branch.hidden = second || both;
      buttons.close.hidden = !second;
      buttons.restore.disabled ||= !this.saved.options.length;
      this.saved.disabled = !this.saved.options.length;
    }

    /** Offer the contexts that are saved. */
    offer(contexts) {
      const now = this.saved.value;
      this.saved.replaceChildren(...contexts.map(({ name }) => make("option", { value: name, text: name })));
      if (contexts.some(({ name }) => name === now)) this.saved.value = now;
      this.buttons.restore.disabled = this.saved.disabled = !contexts.length;
    }

    _makeButtons() {
      const button = (key, action, attributes = {}) =>
        make("button", { type: "button", text: say(`play_${key}`), onclick: action, ...attributes });
      const { _actions: actions } = this;
      this.buttons = {
        write: button("write", () => actions.write(), { class: "primary", "aria-keyshortcuts": "Control+Enter" }),
        stop: button("stop", () => actions.stop(), { class: "primary", "aria-keyshortcuts": "Control+Enter" }),
        read: button("read", () => actions.read()),
        branch: button("branch", () => actions.branch()),
        close: button("close", () => actions.close()),
        clear: button("clear", () => actions.clear()),
        save: button("save", () => actions.save(this.name.value)),
        restore: button("restore", () => actions.restore(this.saved.value)),
      };
    }

    _typing() {
      const { write, stop, read, branch, close, clear } = this.buttons;
      return make("div", { class: "typing" }, field("text", this.text),
        make("div", { class: "buttons" }, write, stop, make("kbd", { text: "Ctrl+↵", "aria-hidden": "true" }), read, branch, close, clear));
    }

    _writing() {
      return make("details", { class: "sampling" }, make("summary", { text: say("play_settings") }),
        make("div", { class: "fields" }, field("tokens", this.tokens), field("temperature", this.temperature),
          field("seed", this.seed), field("top_k", this.topK), field("top_p", this.topP)));
    }

    _keeping() {
      return make("details", { class: "keeping" }, make("summary", { text: say("play_contexts") }),
        make("div", { class: "fields" },
          make("form", { class: "pair", onsubmit: (event) => { event.preventDefault(); this._actions.save(this.name.value); } },
            field("name", this.name), this.buttons.save),
          this.refused,
          make("div", { class: "pair" }, field("saved_label", this.saved), this.buttons.restore)));
    }
  }

  newllm.Controls = Controls;
})(window.newllm);
