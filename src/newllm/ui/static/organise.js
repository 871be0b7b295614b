"use strict";
/** Runs are named, tagged, noted, archived, deleted and brought back: the dialogs, and the line that undoes the last change. */
(() => {
  const { ask, make, say } = newllm;
  const KEPT = "newllm-undo"; // in the session's store: a change whose line is shown on the next page
  const fill = (key, values) => Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), say(key));
  const tagsOf = (text) => [...new Set(text.split(/[,、]/).map((tag) => tag.trim()).filter(Boolean))];

  // ---- the line that says what was done, and undoes it

  const line = make("div", { class: "done-line", role: "status", hidden: true });
  document.body.append(line);

  /**
   * @param {string} text
   * @param {{address: string, sent: object}[]} [undo] requests that take it back
   * @param {() => void} [after] called when it was taken back
   * @param {string[]} [refused] lines on what was not done
   */
  function tell(text, undo = [], after = () => {}, refused = []) {
    const takeBack = undo.length && make("button", { type: "button", text: say("undo"), onclick: async () => {
      takeBack.disabled = true;
      try {
        const answers = [];
        for (const { address, sent } of undo) answers.push(await ask(address, sent));
        if (newllm.page.run && answers[0]?.id && answers[0].id !== newllm.page.run.id) return location.replace(`/run/${answers[0].id}`);
        const left = answers.flatMap((answer) => answer.refused || []).map(({ name, why }) => `${name}: ${why}`);
        if (left.length) tell(left.join(" · "));
        else line.hidden = true;
      } catch (error) {
        tell(`${say("not_done")}: ${error.message}`);
      }
      after();
    } });
    const close = make("button", { type: "button", class: "quiet", text: say("hide"), onclick: () => { line.hidden = true; } });
    line.replaceChildren(...(text ? [make("span", { text })] : []), ...refused.map((text) => make("span", { class: "problem", text })), ...(takeBack ? [takeBack] : []), close);
    line.hidden = false;
  }

  /** Do something for some runs; say what was done, offer to undo it, and say what was refused. */
  async function change(address, sent, { done, undo, after, kept = false }) {
    try {
      const answer = await ask(address, sent);
      const refused = answer.refused.map(({ name, why }) => `${name}: ${why}`);
      const said = answer.done.length ? fill(done, { n: answer.done.length }) : "";
      const back = answer.done.length ? undo(answer.done) : [];
      if (kept && answer.done.length) sessionStorage.setItem(KEPT, JSON.stringify({ said, back }));
      else tell(said, back, after, refused);
      return answer.done.length > 0;
    } catch (error) {
      tell(`${say("not_done")}: ${error.message}`);
      return false;
    } finally {
      after?.();
    }
  }

  const labelsBack = (done) => done.map(({ id, before }) => ({ address: "/api/runs/labels", sent: { ids: [id], tags: before.tags, note: before.note, archived: before.archived } }));
  const label = (ids, sent, done, after) => change("/api/runs/labels", { ids, ...sent }, { done, undo: labelsBack, after });
  const remove = (ids, after, kept) => change("/api/runs/delete", { ids }, {
    done: ids.length === 1 ? "deleted_one" : "deleted", undo: (gone) => [{ address: "/api/runs/restore", sent: { trash: gone.map(({ trash }) => trash) } }], after, kept,
  });
  const archive = (ids, is, after) => label(ids, { archived: is }, is ? "archived_n" : "unarchived_n", after);

  // ---- dialogs

  function dialog(title, ...content) {
    const box = make("dialog", { class: "organise", "aria-label": title }, make("h2", { text: title }), ...content);
    box.addEventListener("close", () => box.remove());
    box.addEventListener("pointerdown", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    return box;
  }

  const field = (key, control, help) => make("label", { class: "field" }, make("span", { text: say(key) }), control, help ? make("small", { class: "muted", text: say(help) }) : "");

  /** Ask in a dialog, and do it; a refusal is said in the dialog, and nothing that was typed is lost. */
  function asking(title, fields, does, ...others) {
    const problem = make("p", { class: "problem", role: "alert", hidden: true });
    const save = make("button", { class: "primary", text: say("save") });
    const form = make("form", { onsubmit: async (event) => {
      event.preventDefault();
      save.disabled = true;
      try {
        await does();
        box.close();
      } catch (error) {
        problem.textContent = error.message;
        problem.hidden = false;
      }
      save.disabled = false;
    } }, ...fields, problem, make("div", { class: "row" }, save, make("button", { type: "button", text: say("cancel"), onclick: () => box.close() }), make("span", { class: "grow" }), ...others));
    const box = dialog(title, form);
    return box;
  }

  /** Name, tags and note of one run. */
  function edit(run, { after, renamed, deleted }) {
    const cut = run.name.lastIndexOf("/") + 1, own = run.name.slice(cut);
    const name = make("input", { value: own, required: true, maxlength: 200, autocomplete: "off" });
    const tags = make("input", { value: (run.tags || []).join(", "), autocomplete: "off" });
    const note = make("textarea", { rows: 3, maxlength: 1000 });
    note.value = run.note || "";
    const drop = make("button", { type: "button", class: "danger", text: say("delete"), onclick: async () => { box.close(); if (await remove([run.id], after, Boolean(deleted))) deleted?.(); } });
    const put = make("button", { type: "button", text: say(run.archived ? "unarchive" : "archive"), onclick: () => { box.close(); archive([run.id], !run.archived, after); } });
    const box = asking(fill("edit_run", { name: run.name }), [field("run_name", name, "run_name_help"), field("tags", tags, "tags_help"), field("note_text", note)], async () => {
      const { id, before } = await ask(`/api/run/${run.id}/edit`, { name: name.value, tags: tagsOf(tags.value), note: note.value });
      const back = [{ address: `/api/run/${id}/edit`, sent: before }];
      if (id !== run.id && renamed) {
        sessionStorage.setItem(KEPT, JSON.stringify({ said: say("saved"), back }));
        renamed(id);
      } else tell(say("saved"), back, after);
      after?.();
    }, put, drop);
  }

  /** Tags of several runs. */
  function tag(runs, after) {
    const known = [...new Set(runs.flatMap((run) => run.tags || []))].sort();
    const add = make("input", { autocomplete: "off" }), gone = new Set();
    const boxes = known.map((tag) => {
      const box = make("input", { type: "checkbox", onchange: () => (box.checked ? gone.add(tag) : gone.delete(tag)) });
      return make("label", {}, box, `${tag} (${runs.filter((run) => run.tags?.includes(tag)).length})`);
    });
    const removing = boxes.length ? [make("fieldset", { class: "tags-gone" }, make("legend", { text: say("tags_remove") }), ...boxes)] : [];
    asking(fill("tag_runs", { n: runs.length }), [field("tags_add", add, "tags_help"), ...removing], async () => {
      const { done, refused } = await ask("/api/runs/labels", { ids: runs.map(({ id }) => id), add: tagsOf(add.value), remove: [...gone] });
      if (!done.length && refused.length) throw new Error(refused[0].why);
      tell(fill("tagged", { n: done.length }), labelsBack(done), after, refused.map(({ name, why }) => `${name}: ${why}`));
      after?.();
    });
  }

  /** What was deleted, to bring back. */
  async function trash(after) {
    const list = make("ul", { class: "trash" }), box = dialog(say("trash"), list);
    const show = async () => {
      const { place, runs } = await ask("/api/trash");
      const problem = make("p", { class: "problem", role: "alert", hidden: true });
      list.replaceChildren(...runs.map(({ trash: key, name, at }) => make("li", {}, make("b", { text: name }), ` `, make("small", { class: "muted", text: newllm.told.ago(at), title: newllm.told.date(at) }), make("span", { class: "grow" }),
        make("button", { type: "button", text: say("restore"), onclick: async () => {
          const { refused } = await ask("/api/runs/restore", { trash: [key] });
          await show();
          if (refused.length) { problem.textContent = refused[0].why; problem.hidden = false; }
          after?.();
        } }))));
      rest.replaceChildren(problem, make("p", { class: "muted", text: say(runs.length ? "trash_about" : "trash_empty") }), ...(runs.length ? [make("pre", {}, make("code", { text: `rm -r ${quoted(place)}` }))] : []),
        make("div", { class: "row" }, make("button", { type: "button", text: say("close"), onclick: () => box.close() })));
      newllm.copyButtons?.(rest);
    };
    const rest = make("div");
    box.append(rest);
    await show();
  }

  /** A path as a shell takes it. */
  const quoted = (path) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'"'"'`)}'`);

  /** Say what another page did before it went. */
  function resume(after) {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    if (!kept) return;
    const { said, back } = JSON.parse(kept);
    tell(said, back, after);
  }

  newllm.organise = { edit, tag, trash, archive, remove, resume };
})();
