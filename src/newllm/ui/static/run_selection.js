"use strict";
/** What can be done with the runs of the list that are chosen: compare, edit, tag, archive, delete. */
(() => {
  const { make, page, say, told } = newllm;
  const MOST_COMPARED = 24;

  /**
   * @param {{chosen: Set<string>, runs: Map<string, object>, shown: () => object[], refresh: () => void, update: () => void, chooseAll: () => void}} list
   */
  newllm.runSelection = function ({ chosen, runs, shown, refresh, update, chooseAll }) {
    const picked = () => [...chosen].map((id) => runs.get(id)).filter(Boolean);
    const compare = make("a", { class: "button primary" });
    const act = (key, does) => make("button", { type: "button", text: say(key), onclick: does });
    const edit = act("edit", () => organise("edit")), put = act("archive", () => organise("archive"));
    const all = make("button", { type: "button", onclick: chooseAll }), count = make("b", { role: "status" });
    const changes = page.demo ? [] : [edit, act("tag", () => organise("tag")), put, act("delete", () => organise("delete"))];
    const bar = make("div", { class: "tools selection", role: "group", "aria-label": say("chosen_runs"), hidden: true },
      count, compare, ...changes, make("span", { class: "grow" }), all, act("clear", () => { chosen.clear(); refresh(); }));

    function organise(what) {
      const some = picked(), ids = some.map(({ id }) => id), { organise } = newllm;
      if (!some.length || page.demo) return;
      if (what === "edit" && some.length === 1) organise.edit(some[0], { after: update });
      else if (what === "tag") organise.tag(some, update);
      else if (what === "archive") organise.archive(ids, !some.every((run) => run.archived), update);
      else if (what === "delete") organise.remove(ids, update);
    }

    /** Say how many are chosen, and offer what can be done with so many. */
    function show(box) {
      const some = picked(), seen = shown(), there = new Set(seen), hidden = some.filter((run) => !there.has(run)).length;
      const every = seen.length > 0 && seen.every((run) => chosen.has(run.id));
      Object.assign(box, { checked: every, indeterminate: some.length > 0 && !every });
      bar.hidden = !some.length;
      if (!some.length) return;
      count.textContent = say("n_chosen").replace("{n}", told.whole(some.length)) + (hidden ? ` ${say("n_hidden").replace("{n}", told.whole(hidden))}` : "");
      compare.textContent = say(some.length > MOST_COMPARED ? "compare_first" : "compare_n").replace("{n}", Math.min(some.length, MOST_COMPARED));
      compare.href = `/compare?runs=${some.slice(0, MOST_COMPARED).map(({ id }) => id).join(",")}`;
      compare.hidden = some.length < 2;
      edit.hidden = some.length !== 1;
      put.textContent = say(some.every((run) => run.archived) ? "unarchive" : "archive");
      all.textContent = say("choose_all_n").replace("{n}", told.whole(seen.length));
      all.hidden = every || !seen.length;
    }

    return { bar, show, compare: () => { if (chosen.size) location.href = compare.href; }, remove: () => organise("delete") };
  };
})();
