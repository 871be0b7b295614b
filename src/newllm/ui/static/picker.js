"use strict";
/** A field that finds runs by typing and gives the one that is chosen. */
(() => {
  const { ask, make, say } = newllm;
  const MOST = 12;
  let count = 0;

  /**
   * @param {(run: object) => void} choose called with a run of the list
   * @param {() => string[]} taken ids that are not offered
   * @param {{label?: string, fits?: (run: object) => boolean}} [how] what the field is called, which runs it offers
   * @returns {HTMLElement}
   */
  newllm.picker = function (choose, taken, { label = say("add_run"), fits = () => true } = {}) {
    const id = `picker-${++count}`;
    let runs = null, at = -1, offered = [];
    const field = make("input", { type: "search", role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list", autocomplete: "off", placeholder: label, "aria-label": label });
    const list = make("ul", { id, role: "listbox", "aria-label": say("runs"), hidden: true });
    const close = () => { list.hidden = true; field.setAttribute("aria-expanded", "false"); field.removeAttribute("aria-activedescendant"); };

    async function offer() {
      runs ??= (await ask("/api/runs?since=0")).runs.filter(fits).sort((a, b) => (b.heard ?? 0) - (a.heard ?? 0));
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean), gone = new Set(taken());
      offered = runs.filter((run) => !gone.has(run.id) && words.every((word) => `${run.name} ${run.about}`.toLowerCase().includes(word))).slice(0, MOST);
      at = offered.length ? 0 : -1;
      draw();
    }

    function draw() {
      list.replaceChildren(...offered.map((run, place) => make("li", {
        id: `${id}-${place}`, role: "option", "aria-selected": String(place === at),
        onmousedown: (event) => { event.preventDefault(); take(run); },
      }, run.name, make("small", { text: run.about || "" }))));
      list.hidden = !offered.length;
      field.setAttribute("aria-expanded", String(!list.hidden));
      if (at >= 0) field.setAttribute("aria-activedescendant", `${id}-${at}`);
      list.children[at]?.scrollIntoView({ block: "nearest" });
    }

    function take(run) {
      field.value = "";
      close();
      choose(run);
    }

    field.addEventListener("input", () => offer().catch(() => {}));
    field.addEventListener("focus", () => offer().catch(() => {}));
    field.addEventListener("blur", close);
    field.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by && offered.length) {
        event.preventDefault();
        at = (at + by + offered.length) % offered.length;
        draw();
      } else if (event.key === "Enter" && offered[at] && !list.hidden) { event.preventDefault(); take(offered[at]); }
      else if (event.key === "Escape") close();
    });
    return make("div", { class: "picker" }, field, list);
  };
})();
