"use strict";
// A branch of the worker, and what the page knows of it: reading, writing, saving, and coming back after a restart.

(function (newllm) {
  const { say } = newllm;
  let made = 0;

  class Branch {
    /** @param {Object} about what the worker tells of its model */
    constructor(about, story = new newllm.Story(about)) {
      this.about = about;
      this.story = story;
      this.name = null;
      this._running = null;
      // Where its text began, should it have to be read once more: an empty text, or a saved context.
      this._origin = null;
      this._since = "";
    }

    /** Whether something is being read or written. */
    get isBusy() {
      return this._running !== null;
    }

    /** Read a text. @param {(event: Object) => void} hear after the story has taken it in */
    async read(text, hear) {
      const done = await this._ask("read", { text }, true, hear);
      this._since += text;
      return done;
    }

    /** Write on. @param {Object} sampling fields of the verb */
    async write(sampling, hear) {
      const before = this.story.tokens.at(-1);
      const done = await this._ask("write", sampling, false, hear);
      const at = this.story.tokens.indexOf(before) + 1;
      this._since += this.story.tokens.slice(at).map((token) => token.piece).join("");
      return done;
    }

    /** End what is being read or written where it is. */
    async stop() {
      if (this._running) await newllm.play("stop", { of: this._running });
    }

    /** A second branch that remembers the same. */
    async copy() {
      const other = new Branch(this.about, this.story.copy());
      [other._origin, other._since] = [this._origin, this._since];
      other.name = nextName();
      await this._again(() => newllm.play("branch", { from: this.name, name: other.name }));
      return other;
    }

    /** Which writes the read of the token at a place found. */
    async recall(place, head) {
      return this._again(() => newllm.play("recall", { branch: this.name, place, head }));
    }

    async save(name, replace) {
      return this._again(() => newllm.play("save", { branch: this.name, name, replace }));
    }

    /** Begin from a saved context; of the text before only the end is known. */
    async restore(name) {
      this.name ??= nextName();
      const done = await newllm.play("restore", { branch: this.name, name });
      this.story = new newllm.Story(this.about);
      this.story.before = { text: done.tail, tokens: done.tokens_read - 1 };
      this.story.stateBytes = done.state_bytes;
      [this._origin, this._since] = [name, ""];
      return done;
    }

    /** Begin an empty text. */
    async clear() {
      if (this.name) await newllm.play("branch", { name: this.name }).catch(() => { this.name = null; });
      this.story = new newllm.Story(this.about);
      [this._origin, this._since] = [null, ""];
    }

    async drop() {
      if (this.name) await newllm.play("drop", { branch: this.name }).catch((error) => { if (!error.lost) throw error; });
      this.name = null;
    }

    /** Ask for this branch, and once more where the worker had to be started anew. */
    async _again(ask) {
      await this._here();
      try {
        return await ask();
      } catch (error) {
        if (!error.lost) throw error;
        this.name = null;
        await this._here();
        return ask();
      }
    }

    async _ask(verb, fields, own, hear) {
      let heard = false;
      const told = (event) => { heard = true; hear(event); };
      try {
        return await this._once(verb, fields, own, told);
      } catch (error) {
        if (!error.lost || heard) throw error;
        return this._once(verb, fields, own, hear); // the worker is another one now, and has read the text once more
      }
    }

    async _once(verb, fields, own, hear) {
      await this._here(hear);
      this._running = newllm.playId();
      try {
        const done = await newllm.play(verb, { branch: this.name, ...fields }, (event) => {
          const anew = event.event === "tokens" && this.story.append(event, own);
          hear({ ...event, anew });
        }, this._running);
        this.story.stateBytes = done.state_bytes;
        return done;
      } catch (error) {
        if (error.gone || error.lost) this.name = null;
        throw error;
      } finally {
        this._running = null;
      }
    }

    /** Make sure that the worker has this branch; one that was started anew reads its text once more. */
    async _here(hear = () => {}) {
      if (this.name) return;
      const name = nextName();
      await newllm.play(this._origin ? "restore" : "branch", this._origin ? { branch: name, name: this._origin } : { name });
      if (this._since) {
        hear({ event: "again" });
        await newllm.play("read", { branch: name, text: this._since });
      }
      this.name = name;
    }
  }

  const nextName = () => `${newllm.session}-${++made}`;

  newllm.Branch = Branch;
})(window.newllm);
