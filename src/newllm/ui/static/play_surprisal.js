"use strict";
// The surprisal of each token of a pasted text: what the model found easy, and what it did not expect.

(function (newllm) {
  const { make, say, brief } = newllm;

  class SurprisalPage {
    constructor(about) {
      this._about = about;
      this._tokens = [];
      this._running = null;
      this._fixed = null;
      const point = (index, fixed) => this._point(index, fixed);
      this.text = new newllm.TextPane(say("play_text_label"), point);
      this._given = make("textarea", { rows: 6, id: "play-pasted", spellcheck: "false", placeholder: say("play_paste") });
      this._button = make("button", { type: "button", class: "primary", text: say("play_measure"), onclick: () => this._act(), "aria-keyshortcuts": "Control+Enter" });
      this._status = make("p", { class: "play-status", role: "status" });
      this._problem = make("p", { class: "play-problem", role: "alert" });
      this._whole = make("dl", { class: "play-whole" });
      this._token = make("div", { class: "facts" });
      this._most = make("ol", { class: "bars chosen" });
      this._result = make("div", { hidden: true }, this._whole, this.text.element, legend(), make("div", { class: "play-facts" },
        make("section", {}, make("h3", { text: say("play_this_token") }), this._token),
        make("section", {}, make("h3", { text: say("play_highest_surprisal") }), this._most)));
      this.element = make("div", { class: "play-surprisal" }, make("h2", { class: "unseen", text: say("play_tab_surprisal") }),
        make("div", { class: "field" }, make("label", { for: "play-pasted", text: say("play_pasted") }), this._given),
        make("div", { class: "buttons" }, this._button, make("kbd", { text: "Ctrl+↵", "aria-hidden": "true" })),
        this._status, this._problem, this._result);
      this._given.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this._act(); }
      });
    }

    async _act() {
      if (this._running) return newllm.play("stop", { of: this._running });
      this._running = newllm.playId();
      this._problem.textContent = "";
      this._button.textContent = say("play_stop");
      this._status.textContent = say("play_reading");
      [this._tokens, this._line, this._fixed] = [[], 0, null];
      this.text.clear();
      try {
        const done = await newllm.play("surprise", { text: this._given.value }, (event) => this._hear(event), this._running);
        this._tell(done);
      } catch (error) {
        this._status.textContent = "";
        this._problem.textContent = newllm.shown(error.message);
      }
      this._running = null;
      this._button.textContent = say("play_measure");
    }

    _hear(event) {
      if (event.event === "progress") {
        this._status.textContent = say("play_progress_so_far").replace("{n}", event.tokens.toLocaleString("en-US"));
        return;
      }
      this._result.hidden = false;
      const shown = event.tokens.map((token) => this._shown(token, event.line));
      this._tokens.push(...shown);
      this.text.append(shown, (token) => token.bits / 10); // all at once: each time the page is laid out anew
    }

    /** Each sentence of a run on sentences begins anew, on a line of its own. */
    _shown(token, line) {
      const piece = line !== this._line ? `\n${token.piece}` : token.piece;
      this._line = line;
      return { ...token, piece };
    }

    _tell(done) {
      const facts = [
        ["play_bits_per_byte", done.bits_per_byte], ["play_bits_per_token", done.bits_per_token],
        ["play_bits_whole", done.bits], ["play_tokens_read", done.tokens], ["play_bytes", done.bytes],
      ].filter(([, value]) => value !== null);
      this._whole.replaceChildren(...facts.map(([key, value]) =>
        make("div", {}, make("dt", { text: say(key) }), make("dd", { text: value >= 1000 ? Math.round(value).toLocaleString("en-US") : brief(value) }))));
      const more = done.tokens - done.described;
      this._status.textContent = more > 0 ? say("play_more_counted").replace("{n}", done.described.toLocaleString("en-US")).replace("{more}", more.toLocaleString("en-US")) : "";
      this._point(null, false);
      newllm.mostOf(this._most, this._tokens, (token) => token.bits, (bits) => `${brief(bits)} ${say("play_bits")}`, (index, fixed) => this._point(index, fixed));
    }

    _point(index, fixed) {
      if (fixed) this._fixed = index;
      const shown = index ?? this._fixed;
      this.text.point(shown, fixed);
      newllm.tokenFacts(this._token, shown === null ? null : this._tokens[shown], this._about);
    }
  }

  function legend() {
    return make("div", { class: "play-legend", "aria-hidden": "true" },
      make("span", { class: "scale" }, make("span", { text: "0" }), make("span", { class: "ramp" }), make("span", { text: say("play_n_bits").replace("{n}", "10") })));
  }

  newllm.SurprisalPage = SurprisalPage;
})(window.newllm);
