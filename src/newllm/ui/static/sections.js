"use strict";
/** The sections of a run: drawn when they come, and of those that change only what has changed. */
(() => {
  const { make } = newllm;

  /** Medians as the server sends them, words for what is not finite among them. */
  const numbers = (middle) => middle && { x: middle.x, y: middle.y.map(Number) };

  /** @typedef {{id: string, title: string, html: string, charts: Object<string, object>, text: string, drawn: string}} Section */

  class Sections {
    /**
     * @param {{parts: HTMLElement, contents: HTMLElement, window: function}} where
     */
    constructor({ parts, contents, window }) {
      Object.assign(this, { parts, contents, window, shown: new Map() });
    }

    /**
     * Show sections in an order; those of the order that are not among them stay as they are.
     * @param {Section[]} sections
     * @param {string[]} order
     * @param {boolean} anew whether points that are drawn may have become others, so that appending is not enough
     */
    show(sections, order, anew = false) {
      // One after the other: a chart that is still being made has no handle, which the next would miss.
      this.last = Promise.resolve(this.last).catch(() => {}).then(() => this._show(sections, order, anew));
      return this.last;
    }

    async _show(sections, order, anew) {
      for (const [id, part] of this.shown) if (!order.includes(id)) this._drop(id, part);
      if (!this.shown.size) this.parts.replaceChildren();
      for (const section of sections) await this._take(section, anew);
      const parts = order.map((id) => this.shown.get(id)).filter(Boolean);
      parts.forEach((part, at) => {
        if (this.parts.children[at] !== part.element) this.parts.insertBefore(part.element, this.parts.children[at] || null);
      });
      this._list(parts);
    }

    /** Add points to every line of these names. */
    append(signals) {
      for (const { handles } of this.shown.values()) {
        for (const handle of handles.values()) {
          if (!handle.append) continue;
          for (const [name, { x, y, middle }] of Object.entries(signals)) handle.append(name, x, y.map(Number), numbers(middle));
        }
      }
    }

    async _take(section, anew) {
      const before = this.shown.get(section.id);
      if (before && !anew && before.section.text === section.text) return this._redraw(before, section);
      const content = make("div", { class: "content" });
      content.innerHTML = section.html; // made and escaped by the server
      const kept = before ? this._kept(before, section, content) : new Map();
      const gone = [...(before?.handles || [])].filter(([id]) => !kept.has(id));
      const zooms = gone.filter(([, handle]) => handle.view?.zoomed).map(([id, handle]) => [id, handle.shown]);
      const element = before?.element || make("section", { id: section.id, class: `part ${section.id}${section.folded ? " folded" : ""}` });
      const open = before ? [...element.querySelectorAll("details")].map((one) => one.open) : [];
      gone.forEach(([, handle]) => handle.destroy());
      const title = make("h2", { text: section.title });
      element.replaceChildren(...(section.folded ? [this._folded(title, section.gist, content)] : [title, content]));
      [...element.querySelectorAll("details")].forEach((one, at) => { if (open[at]) one.open = true; });
      if (!before) this.parts.append(element);
      const part = { element, section, handles: kept };
      this.shown.set(section.id, part);
      for (const [id, handle] of kept) await handle.renew(section.charts[id]);
      const others = Object.fromEntries(Object.entries(section.charts).filter(([id]) => !kept.has(id)));
      part.handles = new Map([...kept, ...await newllm.hydrate(element, others, { window: this.window })]);
      for (const [id, { from, to }] of zooms) part.handles.get(id)?.zoom?.(from, to);
      return part;
    }

    /** The charts that stay, in their figures, while the text around them becomes another: who reads them goes on. */
    _kept(before, section, content) {
      const old = new Map([...before.element.querySelectorAll("[data-chart]")].map((figure) => [figure.dataset.chart, figure]));
      const kept = new Map();
      newllm.renewTable(before.element, section.html);
      for (const figure of content.querySelectorAll("[data-chart]")) {
        const id = figure.dataset.chart, handle = before.handles.get(id), specs = [before, { section }].map((one) => one.section.charts[id]);
        if (!handle?.renew || !specs.every(Boolean) || newllm.outlined(specs[0]) !== newllm.outlined(specs[1])) continue;
        figure.replaceWith(old.get(id));
        kept.set(id, handle);
      }
      return kept;
    }

    /** A section as one line to unfold, as `placed` of the report has it. */
    _folded(title, gist, content) {
      const summary = make("summary", {}, title, gist ? make("span", { class: "gist", text: gist }) : "");
      return make("details", { class: "fold" }, summary, content);
    }

    /** The text is the same: give the charts their new marks and maps, the tables their numbers. */
    async _redraw(part, section) {
      newllm.renewTable(part.element, section.html);
      if (part.section.drawn !== section.drawn) {
        for (const [id, handle] of part.handles) {
          const spec = section.charts[id];
          if (handle.replace) await handle.replace(spec);
          else handle.setMarks(spec.marks);
        }
      }
      part.section = section;
      return part;
    }

    _drop(id, part) {
      part.handles.forEach((handle) => handle.destroy());
      part.element.remove();
      this.shown.delete(id);
    }

    _list(parts) {
      const names = parts.map(({ section }) => `${section.id}\n${section.title}`).join("\n");
      if (this.names === names) return;
      this.names = names;
      this.contents.replaceChildren(...parts.map(({ section }) => make("li", {}, make("a", { href: `#${section.id}`, text: section.title }))));
      this.watcher?.disconnect();
      this.watcher = new IntersectionObserver((entries) => this._seen(entries), { rootMargin: "-15% 0px -70% 0px" });
      for (const { element } of parts) this.watcher.observe(element);
    }

    /** Mark in the list of contents the one section that is read: the uppermost in sight, or the one that was asked for. */
    _seen(entries) {
      this.inSight ??= new Set();
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.inSight.add(target.id);
        else this.inSight.delete(target.id);
      }
      const links = [...this.contents.querySelectorAll("a")];
      const asked = links.find((link) => link.hash === location.hash && this.inSight.has(link.hash.slice(1)));
      const current = asked ?? links.find((link) => this.inSight.has(link.hash.slice(1)));
      const strip = this.contents.parentElement; // on a phone the list is a strip that scrolls sideways
      if (current && strip?.scrollWidth > strip?.clientWidth) strip.scrollTo({ left: current.offsetLeft - 24, behavior: "instant" });
      for (const link of links) {
        if (link === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }

  /** What of a chart must be made anew: all but its points and its marks. */
  newllm.outlined = (spec) => JSON.stringify({
    ...spec, marks: null,
    lines: spec.lines?.map(({ x, y, low, high, middle, bucketed, ...line }) => ({ ...line, banded: Boolean(low) })),
  });

  /** Give the figures of an element the tables and descriptions that they have in its newer HTML, which the server escaped. */
  newllm.renewTable = function (element, html) {
    const fresh = make("template");
    fresh.innerHTML = html;
    for (const figure of fresh.content.querySelectorAll("[data-chart]")) {
      const old = [...element.querySelectorAll("[data-chart]")].find((one) => one.dataset.chart === figure.dataset.chart);
      const [table, was] = [figure, old].map((one) => one?.querySelector(".numbers table"));
      if (table && was) was.replaceWith(table);
      old?.querySelector(".plot").setAttribute("aria-label", figure.querySelector(".plot").getAttribute("aria-label"));
    }
  };

  newllm.Sections = Sections;
})();
