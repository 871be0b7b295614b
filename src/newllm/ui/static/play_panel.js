"use strict";
// One branch on the page: its text, its controls, its context drawn, and what is told of its tokens.

(function (newllm) {
  const { make, say } = newllm;
  const WIDEST = 4; // bytes of a number of the context
  let count = 0;

  class Panel {
    /**
     * @param {newllm.Branch} branch
     * @param {{branch: Function, close: Function, contexts: Function, changed: Function}} page what concerns it
     */
    constructor(branch, page) {
      [this.branch, this._page, this.about] = [branch, page, branch.about];
      this._colour = this.about.heads.length && !this.about.layers.length ? "recall" : "bits"; // what there is to see
      this._fixed = null;
      this._anew = true;
      const point = (index, fixed) => this._point(index, fixed);
      this.text = new newllm.TextPane(say("play_text_label"), point);
      this.text.element.dataset.hint = say("play_hint");
      this.map = new newllm.ContextMap(this.about, point);
      this.map.describedBy(`play-help-${count + 1}`);
      this.controls = new newllm.Controls(this.about, {
        read: () => this._run(() => this._read()), write: () => this._run(() => this._write()),
        stop: () => this._try(() => this.branch.stop()), clear: () => this._run(() => this._clear()),
        branch: () => this._run(() => page.branch(this)), close: () => this._run(() => page.close(this)),
        save: (name) => this._run(() => this._save(name)), restore: (name) => this._run(() => this._restore(name)),
      });
      this._build();
      this.refresh();
      this._paint(this._colour);
    }

    /** Draw all of it, after its story has become another one. */
    refresh() {
      const { story } = this.branch;
      this._fixed = null;
      const before = story.before.tokens ? `${story.before.text ? "… " : ""}${story.before.text}` : "";
      this.text.clear(before);
      this.text.append(story.tokens, this._heat());
      this._drawn = story.tokens.length;
      this.map.show(story);
      this._facts();
    }

    /** Tell it whether there are two panels, and whether it is the second. */
    arrange(second, both) {
      [this._second, this._both] = [second, both];
      this._state();
    }

    _build() {
      const title = `panel-${++count}`;
      this._heading = make("h2", { id: title, class: "unseen" });
      this._status = make("p", { class: "play-status", role: "status" });
      this._problem = make("p", { class: "play-problem", role: "alert" });
      this._memory = make("p", { class: "play-memory" });
      this._token = make("div", { class: "facts" });
      this._most = make("ol", { class: "bars chosen" });
      this._scales = make("div");
      this._table = make("table");
      [this._legend, this._ends] = newllm.playParts.legend(this.about, this._colour, count, (by) => this._paint(by));
      this._numbers = make("details", { class: "numbers", ontoggle: () => this._facts() },
        make("summary", { text: say("play_table") }), make("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": say("play_table") }, this._table));
      const hasContext = this.about.layers.length > 0;
      this._recall = this.about.heads.length ? new newllm.Recall(this.about, count, { came: () => this._fact(this._pointed), chosen: (index, fixed) => this._point(index, fixed) }) : null;
      this._shown = make("div", { hidden: true }, ...(hasContext ? [newllm.playParts.choices(this.about, this.map.view, count, () => this._chosen())] : []), this.map.element, newllm.playParts.told(this._token, this._recall, hasContext ? [this._most, this._scales] : null), this._numbers);
      this.element = make("section", { class: "play-panel", "aria-labelledby": title }, this._heading,
        make("div", { class: "play-desk" },
          make("div", {}, this.text.element, this._legend, this._status, this._problem, this._memory), this.controls.element),
        ...(hasContext ? [] : [make("p", { class: "play-note", text: say(this.about.matrix_numbers ? "play_no_vector" : "play_no_context") })]), this._shown);
    }

    async _read() {
      const text = this.controls.text.value;
      if (!text) return this._say(say("play_nothing_typed"));
      this._say(say("play_reading"));
      const done = await this.branch.read(text, (event) => this._hear(event));
      this.controls.text.value = "";
      this._say(say("play_read_done").replace("{n}", done.tokens.toLocaleString("en-US"))
        .replace("{bits}", newllm.brief(done.tokens ? done.bits / done.tokens : null)));
    }

    async _write() {
      if (this.controls.text.value) await this._read();
      this._say(say("play_writing"));
      const began = performance.now();
      let first = null;
      const head = this._colour === "recall" ? { head: this._recall.head } : {};
      const done = await this.branch.write({ ...this.controls.sampling, ...head }, (event) => {
        if (event.event === "tokens") first ??= performance.now();
        this._hear(event);
      });
      const each = done.tokens >= 8 ? (performance.now() - first) / (done.tokens - 1) : null;
      const why = say(`play_stopped_${done.stopped_by}`);
      this._say([say("play_written").replace("{n}", done.tokens), ...(each ? [say("play_each").replace("{ms}", newllm.brief(each))] : []), why].join(" "));
      this.element.dataset.first = String(Math.round((first ?? began) - began));
    }

    async _clear() {
      await this.branch.clear();
      this._recall?.forget();
      this.refresh();
      this._say("");
    }

    async _save(name) {
      const replace = this._asked === name, { refused } = this.controls;
      refused.textContent = "";
      try {
        const done = await this.branch.save(name, replace);
        this._asked = null;
        this._say(say("play_saved").replace("{name}", name));
        this._page.contexts(done.contexts);
      } catch (error) {
        this._asked = /already/.test(error.message) ? name : null;
        if (!(error instanceof newllm.PlayError) || error.gone) throw error;
        refused.textContent = this._asked ? say("play_replace").replace("{name}", name) : newllm.shown(error.message);
      }
    }

    async _restore(name) {
      const done = await this.branch.restore(name);
      this._recall?.forget();
      this.refresh();
      this._say(say("play_restored").replace("{name}", name).replace("{n}", (done.tokens_read - 1).toLocaleString("en-US")));
    }

    /** Do one thing at a time, and tell what went wrong. */
    async _run(action) {
      if (this._working) return;
      this._working = true;
      this._state();
      await this._try(action);
      this._working = false;
      this._state();
      this._fact(this._fixed); // what could not be asked for while it was at work
      this._page.changed();
    }

    async _try(action) {
      this._problem.textContent = "";
      try {
        await action();
      } catch (error) {
        this._say("");
        this._problem.textContent = newllm.shown(error.message);
        if (!(error instanceof newllm.PlayError)) console.warn(error);
      }
    }

    _hear(event) {
      if (event.event === "again") return this._say(say("play_again"));
      if (event.event === "progress" && event.of > 4096) {
        this._say(say("play_progress").replace("{n}", event.tokens.toLocaleString("en-US")).replace("{of}", event.of.toLocaleString("en-US")));
      }
      if (event.event !== "tokens") return;
      this._anew ||= event.anew;
      this._recall?.hear(event);
      if (this._drawing) return;
      this._drawing = true;
      requestAnimationFrame(() => {
        this._drawing = false;
        this._draw();
      });
    }

    /** Draw what has come since. */
    _draw() {
      if (this._anew) {
        this._anew = false;
        return this.refresh();
      }
      const { story } = this.branch;
      this.text.append(story.tokens.slice(this._drawn), this._heat());
      this._drawn = story.tokens.length;
      this.map.show(story);
      this._facts();
    }

    _heat() {
      const { tokens } = this.branch.story, { view } = this.map;
      if (this._colour === "recall") {
        const { most } = this._recall;
        this._ends[1].textContent = newllm.percent(most);
        return (token) => this._recall.share(token) / most;
      }
      if (this._colour === "bits") { this._ends[1].textContent = say("play_n_bits").replace("{n}", "10"); return (token) => token.bits / 10; }
      const value = (token) => newllm.changeOf(token, view.layer, view.relative);
      const sizes = tokens.map(value).filter(Number.isFinite).sort((a, b) => a - b);
      const top = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
      this._ends[1].textContent = view.relative ? newllm.percent(top) : newllm.brief(top);
      return (token) => value(token) / top;
    }

    /** Something else is to be shown of the context. */
    _chosen() {
      this.map.update();
      this._facts();
      this._paint(this._colour);
    }

    _paint(by) {
      this._colour = by;
      this.text.element.dataset.by = by;
      this.text.point(by === "recall" ? this._fixed ?? this.branch.story.tokens.length - 1 : this._fixed);
      this.text.paint(this.branch.story.tokens, this._heat());
    }

    _point(index, fixed) {
      if (fixed) this._fixed = index;
      const shown = index ?? this._fixed;
      this.text.point(shown, fixed);
      this.map.point(shown, fixed);
      this._fact(shown);
    }

    _fact(index) {
      const { tokens } = this.branch.story;
      const token = tokens[index ?? tokens.length - 1];
      newllm.tokenFacts(this._token, token, this.about);
      newllm.timeScales(this._scales, token, this.about);
      this._pointed = index;
      this._recall?.tell(token, tokens, this.branch);
      if (this._colour !== "recall") return;
      this.text.point(index ?? tokens.length - 1);
      this.text.paint(tokens, this._heat());
    }

    _facts() {
      const { tokens } = this.branch.story, { view } = this.map;
      this._shown.hidden = !tokens.length;
      this._fact(this._fixed);
      newllm.mostOf(this._most, tokens, (token) => newllm.changeOf(token, view.layer, view.relative),
        view.relative ? newllm.percent : newllm.brief, (index, fixed) => this._point(index, fixed));
      if (this._numbers.open) newllm.numbersOf(this._table, tokens, this.about.layers.length > 0);
      this._page.changed();
    }

    _state() {
      const { story } = this.branch;
      this.controls.show({ busy: Boolean(this._working), empty: story.place === 0, second: this._second, both: this._both });
      this._heading.textContent = say(this._second ? "play_second" : "play_first");
      const numbers = this.about.layers.length * (this.about.channels ?? 0);
      const matrices = this.about.matrix_numbers;
      const beside = story.stateBytes > WIDEST * (numbers + matrices) ? say("play_memory_beside") : "";
      if (story.stateBytes === null) return this._memory.replaceChildren();
      const kept = matrices ? (numbers ? "play_memory_matrices" : "play_memory_matrices_only") : numbers ? "play_memory_fixed" : "play_memory";
      const size = say(kept).replace("{matrices}", matrices.toLocaleString("en-US"))
        .replace("{tokens}", story.place.toLocaleString("en-US")).replace("{bytes}", story.stateBytes.toLocaleString("en-US"))
        .replace("{numbers}", numbers.toLocaleString("en-US")).replace("{beside}", beside);
      this._memory.replaceChildren(make("b", { text: say("play_remembers") }), ` ${size} ${this._times(story)}`);
    }

    /** In how many tokens half of the channels forget, and for how long a tenth hold; by octaves of their time scales. */
    _times(story) {
      const octaves = story.tokens.at(-1)?.octaves;
      if (!octaves) return "";
      const counts = octaves[0].map((_, octave) => octaves.reduce((sum, layer) => sum + layer[octave], 0));
      const whole = counts.reduce((sum, count) => sum + count, 0);
      let at = -1, below = 0, long = counts.length, above = 0;
      while (below < whole / 2) below += counts[++at];
      while (above < whole / 10) above += counts[--long];
      const endless = counts.length - 1, tokens = (octave) => (octave >= endless ? "∞" : (2 ** octave).toLocaleString("en-US"));
      return say(this.about.matrix_numbers ? "play_memory_times_vectors" : "play_memory_times").replace("{half}", tokens(at + 1)).replace("{tenth}", tokens(long));
    }

    _say(text) {
      this._status.textContent = text;
    }
  }

  newllm.Panel = Panel;
})(window.newllm);
