"use strict";
/** One row of the list of runs. */
(() => {
  const { make, say, told } = newllm;

  /**
   * @param {{columns: object, isChosen: (id) => boolean, choose: (id, is, further) => void, findings: (run) => object, withBest: (run) => object}} list
   * @returns {(run: object, before?: HTMLTableRowElement) => HTMLTableRowElement} draws a run, into its row where it has one
   */
  newllm.runRow = ({ columns, isChosen, choose, findings, withBest }) => function draw(run, before) {
    const cut = run.name.lastIndexOf("/") + 1;
    const pick = make("input", { type: "checkbox", "aria-label": `${say("choose")}: ${run.name}`, onclick: (event) => choose(run.id, pick.checked, event.shiftKey) });
    pick.checked = isChosen(run.id);
    const canvas = before?.querySelector("canvas") || make("canvas", { class: "spark", "aria-hidden": "true" });
    const link = make("a", { href: `/run/${run.id}` }, cut ? make("span", { class: "folder", text: run.name.slice(0, cut) }) : "", run.name.slice(cut));
    const about = run.problems ? make("small", { class: "doubt", title: run.problems.join("; "), text: `▲ ${run.problems[0]}` }) : make("small", { title: run.note || null },
      ...(run.archived ? [make("span", { class: "tag", text: say("archived") })] : []), ...(columns.has("tags") ? [] : newllm.tagChips(run.tags)), run.about || "");
    const cells = {
      curve: () => [canvas],
      state: () => [told.state(run), progress(run)],
      best: () => told.best(withBest(run)),
      findings: () => [...told.findings({ ...run, findings: findings(run) }), ...told.cause(run)],
      when: () => [make("time", { title: told.date(run.heard), text: told.ago(run.heard) })],
    };
    const extra = columns.extra;
    const row = make(
      "tr", { "data-id": run.id, class: [isChosen(run.id) && "chosen", run.archived && "archived"].filter(Boolean).join(" ") || null },
      make("td", { class: "pick" }, pick),
      make("th", { scope: "row", class: "name" }, link, about),
      ...columns.chosen.map((key) => {
        if (cells[key]) return make("td", { class: key }, ...cells[key]());
        const column = newllm.runColumn(key), value = column.of(run);
        return make("td", { class: "extra", title: column.setting && value !== undefined ? String(value) : null }, ...column.shown(run));
      }),
      // On a phone, whose rows are no columns, with their names:
      ...(extra.length ? [make("td", { class: "extras", "aria-hidden": "true" }, ...extra.flatMap((column) => { const shown = column.of(run) === undefined ? [] : column.shown(run); return shown.length ? [make("span", {}, make("small", { text: column.label.split(".").at(-1) }), ` `, ...shown)] : []; }))] : []),
    );
    if (!before) return row;
    // The row stays: who has the focus in it, or reads it, is not thrown out.
    const focused = before.contains(document.activeElement) ? document.activeElement.tagName : null;
    before.className = row.className;
    before.replaceChildren(...row.childNodes);
    if (focused) before.querySelector(focused === "A" ? "a" : "input").focus({ preventScroll: true });
    return before;
  };

  function progress(run) {
    if (run.step == null) return "";
    const number = run.steps && run.step < run.steps ? `${told.whole(run.step)} / ${told.whole(run.steps)}` : told.whole(run.step);
    const words = say("n_steps").replace("{n}", number);
    if (!run.steps || !told.lives(run)) return make("small", { text: words });
    return make("small", {}, make("progress", { max: run.steps, value: run.step, "aria-label": words }), words);
  }
})();
