"use strict";
// What stands around the drawing of every plot: legend, buttons, help, the cursor, and what a screen reader is told.

(function (newllm) {
  let count = 0;

  class Stage {
    /**
     * @param {HTMLElement} figure the chart's place, holding `.plot`
     * @param {{title: string, help: string}} what
     */
    constructor(figure, { title, help }) {
      const make = newllm.element;
      this.figure = figure;
      this.plot = figure.querySelector(".plot");
      this.plot.replaceChildren();
      this.head = make("div", "plot-head");
      this.legend = make("div", "plot-legend");
      this.where = make("output", "plot-where", "", { "aria-hidden": "true" });
      this.tools = make("div", "plot-tools");
      this.help = make("p", "plot-help", newllm.text(help), { id: `plot-help-${++count}` });
      this.live = make("p", "unseen", "", { "aria-live": "polite" });
      this.over = make("div", "plot-over");
      this.cross = make("div", "plot-cross");
      this.chosen = make("div", "plot-chosen");
      this.extent = make("div", "plot-extent");
      this.part = make("i");
      this.extent.append(this.part);
      this.cross.hidden = this.chosen.hidden = this.extent.hidden = true;
      this.over.append(this.cross, this.chosen);
      this.head.append(this.legend);
      figure.prepend(this.tools); // floats beside the title
      this.plot.before(this.head);
      this.plot.append(this.where, this.over, this.extent);
      this.plot.after(this.help, this.live);
      this._describe(title);
    }

    _describe(title) {
      const { plot } = this;
      // The keys of an "application" reach the plot though a screen reader has its own use for arrows.
      plot.setAttribute("role", "application");
      plot.setAttribute("aria-roledescription", newllm.text("plot"));
      plot.setAttribute("aria-describedby", this.help.id);
      if (!plot.hasAttribute("aria-label")) plot.setAttribute("aria-label", title);
      plot.tabIndex = 0;
    }

    /** Add a button to the tools. */
    button(text, action, pressed = null) {
      const made = newllm.element("button", "plot-tool", text, { type: "button" });
      if (pressed !== null) made.setAttribute("aria-pressed", pressed);
      made.addEventListener("click", action);
      this.tools.append(made);
      return made;
    }

    /** Lay the cursor's area over the plot; in CSS pixels of `.plot`. */
    place({ left, top, right, bottom }) {
      const { style } = this.over;
      [style.left, style.top] = [`${left}px`, `${top}px`];
      [style.width, style.height] = [`${right - left}px`, `${bottom - top}px`];
      [this.extent.style.left, this.extent.style.width] = [style.left, style.width];
    }

    /** Show which part of everything is in sight, where it is not all. */
    inSight({ from, to, first, last, zoomed }) {
      this.extent.hidden = !zoomed;
      this.part.style.left = `${(100 * (from - first)) / (last - first)}%`;
      this.part.style.width = `${(100 * (to - from)) / (last - first)}%`;
    }

    /** Draw the cursor so many pixels from the plot's left edge; null takes it away. */
    cursor(left) {
      this.cross.hidden = left === null;
      if (left !== null) this.cross.style.transform = `translateX(${left}px)`;
    }

    /** Tell who cannot see it. */
    say(text) {
      this.live.textContent = text;
    }

    /** Show in place of a drawing that there is none. */
    empty(text) {
      this.plot.append(newllm.element("p", "plot-empty", text));
    }

    destroy() {
      for (const element of [this.tools, this.head, this.help, this.live]) element.remove();
      this.plot.replaceChildren();
    }
  }

  newllm.Stage = Stage;
})(window.newllm);
