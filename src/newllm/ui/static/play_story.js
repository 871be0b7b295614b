"use strict";
// A branch as the page knows it: its text token by token, and a column of context values for each.

(function (newllm) {
  /** So many tokens are kept and drawn; what was before them is only counted. */
  const MOST = 4096;

  /**
   * @typedef {Object} Token as the worker sends it, and
   * @property {boolean} own whether a person gave it
   * @property {number|null} length of all contexts after it
   * @property {number|null} moved length of the change of all contexts
   * @property {number|null} share `moved` over the length before
   */

  class Story {
    /** @param {{layers: string[], rows: number}} about */
    constructor(about) {
      this.about = about;
      this.tokens = [];
      this.columns = [];
      this.before = { text: "", tokens: 0 };
      this.stateBytes = null;
      this.text = "";
      this.saved = null;
    }

    /** Take in a "tokens" event. @returns {boolean} whether what was shown before is no longer */
    append(event, own) {
      const { tokens, columns } = this;
      const first = event.tokens[0];
      const gap = first.place !== this.place;
      if (gap) this._forget(tokens.length, first.place);
      tokens.push(...event.tokens.map((token) => described(token, own)));
      if (event.channels) {
        const values = newllm.unpackHalves(event.channels.data, event.channels.factor);
        const size = this.about.layers.length * event.channels.rows;
        for (let at = 0; at < values.length; at += size) columns.push(values.subarray(at, at + size));
      }
      const over = tokens.length > MOST + 512;
      if (over) this._forget(tokens.length - MOST);
      return gap || over;
    }

    /** How many tokens the branch has read, the begin token aside. */
    get place() {
      return this.tokens.length ? this.tokens.at(-1).place + 1 : this.before.tokens;
    }

    /** The latest token, null before the first. */
    get last() {
      return this.tokens.at(-1) ?? null;
    }

    /** The same text so far, to go on differently. */
    copy() {
      const other = Object.assign(new Story(this.about), this);
      [other.tokens, other.columns, other.before] = [[...this.tokens], [...this.columns], { ...this.before }];
      return other;
    }

    /** How many tokens two stories have in common, or null where one does not know the other's beginning. */
    common(other) {
      const start = Math.max(this.tokens[0]?.place ?? this.place, other.tokens[0]?.place ?? other.place);
      if (this.before.tokens !== other.before.tokens && !(this.tokens.length && other.tokens.length)) return null;
      let place = start;
      const at = (story) => story.tokens[place - (story.tokens[0]?.place ?? 0)]?.id;
      while (place < this.place && place < other.place && at(this) === at(other)) place++;
      return place;
    }

    _forget(count, place = this.tokens[count]?.place) {
      const gone = this.tokens.splice(0, count);
      this.columns.splice(0, count);
      const text = this.before.text + gone.map((token) => token.piece).join("");
      this.before = { text: text.slice(-2000), tokens: place };
    }
  }

  function described(token, own) {
    const made = { ...token, own, length: null, moved: null, share: null };
    if (token.norm) {
      const before = token.change.map((change, layer) => change / token.relative[layer] || 0);
      made.length = newllm.whole(token.norm);
      made.moved = newllm.whole(token.change);
      const was = Math.hypot(...before);
      made.share = made.moved === null || !(was > 0) || token.relative.includes(null) ? null : made.moved / was;
    }
    return made;
  }

  newllm.Story = Story;
})(window.newllm);
