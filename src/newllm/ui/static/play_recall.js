"use strict";
// Which writes a token's read of matrices found: asked of the worker for one token at a time, and remembered.

(function (newllm) {
  const { make, say, percent } = newllm;
  const SMALLEST = 0.005; // share of a read that is still listed

  class Recall {
    /**
     * @param {{heads: string[]}} about
     * @param {number} number of the panel
     * @param {{came: Function, chosen: (index: number, fixed: boolean) => void}} panel told when shares have come, or a token is chosen
     */
    constructor(about, number, panel) {
      this._panel = panel;
      this._known = new Map();
      this._select = make("select", { id: `play-head-${number}`, onchange: () => { this.forget(); panel.came(); } },
        ...[say("play_all_heads"), ...about.heads].map((text, value) => make("option", { value, text })));
      this._list = make("ol", { class: "bars found" });
      this._rest = make("p", { class: "muted small" });
      this.element = make("section", { class: "play-recall" }, make("h3", { text: say("play_found") }),
        make("div", { class: "field" }, make("label", { for: this._select.id, text: say("play_head") }), this._select),
        make("p", { class: "muted small", text: say("play_found_about") }), this._list, this._rest);
    }

    /** Which heads are shown: 0 for all together, else one, from 1. */
    get head() {
      return Number(this._select.value);
    }

    /** Take in what came with a token that has been written. */
    hear(event) {
      if (event.recall?.head === this.head) this._known.set(event.recall.place, event.recall);
    }

    /** The text is another one, or other heads are shown. */
    forget() {
      this._known.clear();
    }

    /** Tell what a token was predicted from; where it is unknown ask, unless something else is at work. */
    tell(token, tokens, branch) {
      const reader = token && token.place - 1; // its read predicted the token
      if (!token || branch.isBusy || this._known.has(reader)) this._found = this._known.get(reader);
      else this._ask(reader, branch); // what was told before stays until the answer comes
      const found = this._found;
      newllm.mostOf(this._list, tokens, (one) => (Math.abs(this.share(one)) >= SMALLEST ? this.share(one) : NaN), percent, this._panel.chosen);
      const missing = found ? 1 - tokens.reduce((sum, one) => sum + this.share(one), 0) : 0;
      this._rest.textContent = found === null ? say("play_found_unknown")
        : Math.abs(missing) >= SMALLEST ? say("play_found_before").replace("{share}", percent(missing)) : "";
    }

    /** The share that a token wrote of the read that is told of. */
    share(token) {
      return this._found?.shares[token.place - this._found.first] ?? 0;
    }

    /** The largest share, negative or not. */
    get most() {
      return Math.max(SMALLEST, ...(this._found?.shares ?? []).map(Math.abs));
    }

    async _ask(place, branch) {
      if (this._asking) return; // the latest is asked for when the answer comes
      this._asking = true;
      const { head } = this;
      let found = null; // further back than the worker knows
      try {
        found = await branch.recall(place, head);
      } catch (error) {
        if (!(error instanceof newllm.PlayError)) throw error;
      } finally {
        this._asking = false;
      }
      if (head === this.head) this._known.set(place, found);
      this._panel.came();
    }
  }

  newllm.Recall = Recall;
})(window.newllm);
