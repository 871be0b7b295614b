"use strict";
// The context drawn as it changes: channels by tokens as a heat map, and tracks under it over the same tokens.

(function (newllm) {
  const { make, say } = newllm;
  const GUTTER = 46, HEAD = 19, GAP = 3, TALLEST = 264, NARROWEST = 4, WIDEST = 36;

  class ContextMap {
    /**
     * @param {(index: number|null, fixed: boolean) => void} chosen told which token is pointed at, or chosen
     */
    constructor(about, chosen) {
      this.about = about;
      this.view = { layer: null, relative: false, difference: false };
      this._told = chosen;
      this._tokens = [];
      this._columns = [];
      this._active = null;
      this._zoom = null;
      this._follows = true; // its end is in sight, and stays so
      this._canvas = make("canvas", { "aria-hidden": "true" });
      this._space = make("div", { class: "play-space" }, this._canvas);
      this._scroll = make("div", { class: "play-scroll", tabindex: 0, role: "application", "aria-label": say("play_map") },
        this._space);
      this.element = make("div", { class: "play-map" }, this._scroll);
      this._heat = new newllm.ContextHeat(about);
      this._listen();
    }

    /** Name the element that tells of its keys. */
    describedBy(id) {
      this._scroll.setAttribute("aria-describedby", id);
    }

    /** Draw a story, following its end while the end is seen. */
    show(story) {
      [this._tokens, this._columns] = [story.tokens, story.columns];
      this.update();
    }

    /** Draw anew: of another size, in other colours, or of another choice. */
    update() {
      if (this._asked) return;
      this._asked = true;
      requestAnimationFrame(() => {
        this._asked = false;
        this._measure();
        if (this._follows) this._scroll.scrollLeft = this._scroll.scrollWidth;
        this._draw();
      });
    }

    /** Mark a token. */
    point(index, scroll = false) {
      this._active = index;
      if (scroll && index !== null) {
        const left = index * this._wide, seen = this._scroll.clientWidth - GUTTER;
        this._follows = index === this._tokens.length - 1;
        if (left < this._scroll.scrollLeft || left > this._scroll.scrollLeft + seen - this._wide) {
          this._scroll.scrollLeft = left - seen / 2;
        }
      }
      this.update();
    }

    _measure() {
      const width = this._scroll.clientWidth, plot = width - GUTTER;
      const count = this._tokens.length;
      const fit = Math.max(NARROWEST, Math.min(WIDEST, plot / Math.max(1, count)));
      this._wide = this._zoom ?? fit;
      this._labels = this._labelHeight();
      this._bands = this._layout();
      this._height = this._bands.at(-1)?.bottom ?? 0;
      this._space.style.width = `${Math.max(width, GUTTER + count * this._wide)}px`;
      const ratio = devicePixelRatio || 1;
      const [across, down] = [Math.round(width * ratio), Math.round(this._height * ratio)];
      if (this._canvas.width !== across || this._canvas.height !== down) {
        [this._canvas.width, this._canvas.height] = [across, down];
        [this._canvas.style.width, this._canvas.style.height] = [`${width}px`, `${this._height}px`];
        this._space.style.height = `${this._height}px`;
      }
    }

    /** Room for the tokens' names: none where columns are narrow, a line for single letters, else upright words. */
    _labelHeight() {
      if (this._wide < 7) return 0;
      const longest = Math.max(0, ...this._tokens.slice(-400).map((token) => newllm.tokenName(token).length));
      if (longest <= 2) return 15;
      return this._wide < 11 ? 0 : Math.min(70, 10 + 6.2 * longest);
    }

    /** Where everything is, from the top down. */
    _layout() {
      const found = [], { layers } = this.about;
      let top = HEAD;
      const chosen = this.view.layer === null ? layers.map((_, layer) => layer) : [this.view.layer];
      const tall = Math.min(TALLEST, Math.max(this.about.rows, 96));
      const each = chosen.length > 1 ? Math.max(34, Math.floor(TALLEST / chosen.length)) : tall;
      for (const layer of chosen) {
        found.push({ kind: "heat", layer, top, bottom: top + each });
        top += each + GAP;
      }
      if (this._labels) found.push({ kind: "labels", top, bottom: (top += this._labels) });
      const names = layers.length ? ["change", "norm", "bits", "scales"] : ["bits"];
      for (const track of names.map((name) => newllm.tracks[name])) {
        top += HEAD;
        found.push({ kind: "track", track, top, bottom: top + track.height });
        top += track.height + GAP;
      }
      return found;
    }

    _draw() {
      const ink = this._canvas.getContext("2d"), ratio = devicePixelRatio || 1;
      const width = this._scroll.clientWidth;
      const colour = newllm.palette(this.element);
      ink.setTransform(ratio, 0, 0, ratio, 0, 0);
      ink.clearRect(0, 0, width, this._height);
      const offset = this._scroll.scrollLeft, wide = this._wide;
      const first = Math.max(0, Math.floor(offset / wide));
      const last = Math.min(this._tokens.length, Math.ceil((offset + width - GUTTER) / wide));
      const frame = { ink, colour, first, last, wide, left: (at) => GUTTER + at * wide - offset };
      ink.font = "11px system-ui, sans-serif";
      ink.save();
      ink.beginPath();
      ink.rect(GUTTER, 0, width - GUTTER, this._height);
      ink.clip();
      this._bands.forEach((band) => this._band(band, frame));
      this._mark(frame);
      ink.restore();
      this._bands.forEach((band) => this._gutter(band, frame, width));
    }

    _band(band, frame) {
      const whole = { ...frame, top: band.top, height: band.bottom - band.top };
      if (band.kind === "heat") this._heat.draw(whole, this._columns, band.layer, this.view.difference);
      else if (band.kind === "labels") this._drawLabels(whole);
      else {
        band.scale = band.track.top(this._tokens, this.view);
        band.track.draw(whole, this._tokens, band.scale, this.view);
      }
    }

    _drawLabels(frame) {
      const { ink, wide } = frame, upright = this._labels > 16;
      ink.fillStyle = frame.colour("muted");
      for (let at = frame.first; at < frame.last; at++) {
        const name = newllm.tokenName(this._tokens[at]).replaceAll("␣", upright ? "" : " ");
        ink.save();
        ink.translate(frame.left(at) + wide / 2, frame.top + (upright ? 5 : 11));
        if (upright) ink.rotate(Math.PI / 2);
        ink.textAlign = upright ? "left" : "center";
        ink.fillText(name.slice(0, 12), 0, upright ? 4 : 0);
        ink.restore();
      }
    }

    _mark(frame) {
      if (this._active === null || this._active >= this._tokens.length) return;
      const { ink } = frame;
      ink.strokeStyle = frame.colour("ink");
      ink.lineWidth = 1.2;
      for (const band of this._bands) {
        ink.strokeRect(frame.left(this._active) - 0.5, band.top - 1, frame.wide + 1, band.bottom - band.top + 2);
      }
    }

    _gutter(band, { ink, colour }, width) {
      ink.fillStyle = colour("muted");
      ink.textAlign = "right";
      if (band.kind === "heat") {
        ink.fillText(this._layerName(band), GUTTER - 5, (band.top + band.bottom) / 2 + 4);
      } else if (band.kind === "track" && this._tokens.length) {
        const [high, low] = band.track.ends(band.scale, this.view);
        ink.fillText(high, GUTTER - 5, band.top + 8);
        ink.fillText(low, GUTTER - 5, band.bottom);
        ink.strokeStyle = colour("line");
        ink.lineWidth = 1;
        ink.strokeRect(GUTTER - 0.5, band.bottom + 0.5, width, 0);
      }
      const title = band.kind === "track" ? band.track.title(this.view) : band === this._bands[0] ? this._heatTitle() : "";
      ink.textAlign = "left";
      ink.fillStyle = colour("ink");
      ink.fillText(title, GUTTER, band.top - 6);
    }

    _layerName({ layer }) {
      return this.about.layers.length > 1 ? `${layer + 1}` : "";
    }

    _heatTitle() {
      const { layers, channels } = this.about, { layer, difference } = this.view;
      if (!layers.length) return ""; // there is no heat map
      const what = say(difference ? "play_heat_difference" : "play_heat_context");
      const of = layers.length > 1 ? ` · ${layer === null ? say("play_all_layers") : layers[layer]}` : "";
      const size = layer === null && layers.length > 1 ? `${layers.length} × ${channels}` : channels;
      return `${what}${of} · ${say("play_n_channels").replace("{n}", size)}`;
    }

    _listen() {
      const at = (event) => {
        const x = event.clientX - this._scroll.getBoundingClientRect().left - GUTTER;
        const index = Math.floor((x + this._scroll.scrollLeft) / this._wide);
        return x >= 0 && index < this._tokens.length ? index : null;
      };
      const scroll = this._scroll;
      scroll.addEventListener("scroll", () => {
        this._follows = scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 8;
        this.update();
      }, { passive: true });
      scroll.addEventListener("pointermove", (event) => this._told(at(event), false));
      scroll.addEventListener("pointerleave", () => this._told(null, false));
      scroll.addEventListener("click", (event) => this._told(at(event), true));
      scroll.addEventListener("keydown", (event) => this._onKey(event));
      new ResizeObserver(() => this.update()).observe(scroll);
      newllm.onColours(() => this.update());
    }

    _onKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !this._tokens.length) return;
      const last = this._tokens.length - 1, now = this._active ?? last + 1;
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10, PageUp: -50, PageDown: 50, Home: -1e9, End: 1e9 }[event.key];
      if (step !== undefined) this._told(Math.min(last, Math.max(0, now + step)), true);
      else if (event.key === "+" || event.key === "-") this._zoomBy(event.key === "+" ? 1.5 : 1 / 1.5);
      else if (event.key === "0") this._zoomBy(null);
      else return;
      event.preventDefault();
    }

    _zoomBy(factor) {
      this._zoom = factor === null ? null : Math.max(2, Math.min(40, Math.round(this._wide * factor)));
      this.update();
    }
  }

  newllm.ContextMap = ContextMap;
})(window.newllm);
