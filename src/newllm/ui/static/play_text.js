"use strict";
// A text whose tokens can be pointed at: one flowing text, each token coloured by a number.

(function (newllm) {
  const { make, say } = newllm;
  let count = 0;

  class TextPane {
    /**
     * @param {string} label for who cannot see it
     * @param {(index: number|null, fixed: boolean) => void} chosen told which token is pointed at, or chosen
     */
    constructor(label, chosen) {
      this.id = `text-${++count}`;
      this.element = make("div", { class: "play-text", role: "listbox", tabindex: 0, "aria-label": label });
      this._before = make("span", { class: "before" });
      this._spans = [];
      this._of = [];
      this._told = chosen;
      this._active = null;
      this._listen();
      this.clear();
    }

    clear(before = "") {
      this._spans = [];
      this._of = [];
      this._active = null;
      this._before.textContent = newllm.shown(before);
      this.element.replaceChildren(this._before);
      this.element.removeAttribute("aria-activedescendant");
    }

    /** Show more tokens; those inside one character stand in one span with the token that completes it. */
    append(tokens, heat) {
      const stays = this.element.scrollTop + this.element.clientHeight < this.element.scrollHeight - 24;
      for (const token of tokens) {
        const index = this._of.length;
        const open = this._spans.at(-1)?.open ? this._spans.at(-1) : this._begin(index);
        open.tokens.push(index);
        this._of.push(open);
        this._fill(open, token);
        this._paint(open, heat(token));
      }
      if (!stays) this.element.scrollTop = this.element.scrollHeight;
    }

    /** Colour all tokens anew. */
    paint(tokens, heat) {
      for (const shown of this._spans) this._paint(shown, Math.max(...shown.tokens.map((at) => heat(tokens[at]))));
    }

    /** Mark the token that something else points at. */
    point(index, scroll = false) {
      this._active?.element.setAttribute("aria-selected", "false");
      this._active = index === null ? null : this._of[index] ?? null;
      if (!this._active) return this.element.removeAttribute("aria-activedescendant");
      const { element } = this._active;
      element.setAttribute("aria-selected", "true");
      this.element.setAttribute("aria-activedescendant", element.id);
      if (scroll) this._reveal(element);
    }

    _begin(index) {
      const element = make("span", { class: "token", role: "option", id: `${this.id}-${index}`, "aria-selected": "false" });
      element.dataset.index = index;
      const shown = { element, tokens: [], open: true, heat: 0 };
      this._spans.push(shown);
      this.element.append(element);
      return shown;
    }

    _fill(shown, token) {
      const { element } = shown;
      shown.open = Boolean(token.raw) && !token.piece;
      element.textContent = token.what ? newllm.tokenName(token) : newllm.shown(token.piece) || "�";
      element.classList.toggle("own", token.own === true);
      element.classList.toggle("special", Boolean(token.what));
      element.classList.toggle("newline", token.piece.includes("\n"));
      const bits = say("play_n_bits").replace("{n}", newllm.brief(token.bits));
      const share = token.share === null || token.share === undefined ? "" : `, ${say("play_changed").replace("{n}", newllm.percent(token.share))}`;
      element.setAttribute("aria-label", `${newllm.tokenName(token)}, ${bits}${share}`);
    }

    _paint(shown, heat) {
      const now = Math.min(1, Math.max(-1, heat || 0));
      if (now === shown.heat) return;
      shown.heat = now;
      shown.element.classList.toggle("against", now < 0);
      shown.element.style.setProperty("--heat", Math.abs(now).toFixed(3));
    }

    _listen() {
      const { element } = this;
      const index = (event) => event.target.closest(".token")?.dataset.index;
      element.addEventListener("pointerover", (event) => {
        if (index(event) !== undefined) this._told(Number(index(event)), false);
      });
      element.addEventListener("pointerleave", () => this._told(null, false));
      element.addEventListener("click", (event) => {
        if (index(event) !== undefined && !String(getSelection())) this._told(Number(index(event)), true);
      });
      element.addEventListener("keydown", (event) => this._key(event));
    }

    _key(event) {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10, Home: -1e9, End: 1e9 }[event.key];
      if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || !this._spans.length) return;
      event.preventDefault();
      const now = this._active ? this._spans.indexOf(this._active) : this._spans.length;
      const next = Math.min(this._spans.length - 1, Math.max(0, now + step));
      this._told(this._spans[next].tokens.at(-1), true);
    }

    _reveal(element) {
      const pane = this.element, top = element.offsetTop - pane.offsetTop;
      if (top < pane.scrollTop || top > pane.scrollTop + pane.clientHeight - 28) {
        pane.scrollTop = top - pane.clientHeight / 2;
      }
    }
  }

  newllm.TextPane = TextPane;
})(window.newllm);
