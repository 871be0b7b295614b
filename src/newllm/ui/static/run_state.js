"use strict";
/** How the pages tell of a run: its state, numbers, findings, and how long ago something was. */
(() => {
  const { make, say } = newllm;
  const LIVES = ["running", "recording"];

  /** "3 min ago" of seconds since 1970. */
  function ago(seconds) {
    if (!seconds) return "";
    const gone = Math.max(0, Date.now() / 1000 - seconds);
    for (const [unit, key] of [[86400, "ago_d"], [3600, "ago_h"], [60, "ago_m"]]) {
      if (gone >= unit) return say(key).replace("{n}", Math.floor(gone / unit));
    }
    return gone < 5 ? say("ago_now") : say("ago_s").replace("{n}", Math.floor(gone));
  }

  /** "1 h 02 min", "3 min 05 s", "3.8 s" */
  function lasted(seconds) {
    if (seconds == null) return "";
    const two = (number) => String(Math.floor(number)).padStart(2, "0");
    const said = (key, numbers) => Object.entries(numbers).reduce((text, [name, number]) => text.replace(`{${name}}`, number), say(key));
    if (seconds >= 3600) return said("lasted_h", { hours: Math.floor(seconds / 3600), minutes: two((seconds % 3600) / 60) });
    if (seconds >= 60) return said("lasted_m", { minutes: Math.floor(seconds / 60), seconds: two(seconds % 60) });
    return said("lasted_s", { seconds: seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds) });
  }

  const date = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString() : "");
  const whole = (number) => number.toLocaleString("en-US");

  /** The state in a word, with a sign that is not colour alone. */
  function state(run) {
    const name = run.problems?.length && run.status === "unknown" ? "damaged" : run.status;
    return make("span", { class: `status ${name}`, title: run.message || null }, make("i", { "aria-hidden": "true" }), say(name));
  }

  /** "1.234 bits/byte", "5.98 nats", or of a loss that is not of tokens the number alone */
  function best(run) {
    const [value, unit] = run.bits != null ? [run.bits, "bits"] : [run.loss, run.reads_text === false ? null : "nats"];
    if (value == null) return [];
    return [make("b", { text: value.toFixed(value < 10 ? 3 : 2) }), ` `, make("small", { text: unit ? say(unit) : "" })];
  }

  /** Signs with the number of findings of each severity. */
  function findings(run) {
    const found = run.findings;
    if (run.status === "checked") {
      const [kind, sign, text] = run.wrong ? ["fault", "✖", say("wrong").replace("{n}", run.wrong)] : ["good", "✔", say("nothing_wrong")];
      return [make("span", { class: `count ${kind}` }, make("i", { "aria-hidden": "true", text: sign }), text)];
    }
    if (!found) return [make("small", { class: "muted", text: say("not_diagnosed") })];
    const signs = { fault: "✖", warning: "▲", note: "●" };
    const made = Object.keys(signs).filter((name) => found[name]).map((name) => make(
      "span", { class: `count ${name}`, title: `${found[name]} ${say(found[name] === 1 ? name : `${name}s`)}` },
      make("i", { "aria-hidden": "true", text: signs[name] }), String(found[name]), make("span", { class: "unseen", text: ` ${say(found[name] === 1 ? name : `${name}s`)}` }),
    ));
    return made.length ? made : [make("span", { class: "count good" }, make("i", { "aria-hidden": "true", text: "✔" }), make("span", { class: "unseen", text: say("healthy") }))];
  }

  /** What the replays named. */
  function cause(run) {
    if (!run.replayed) return [];
    const kind = run.cause ? "cause" : run.remedy ? "remedy" : "replayed", named = run[kind];
    const good = kind !== "replayed", text = good ? `${say(kind)}: ${named}` : say(kind);
    return [make("span", { class: `cause ${good ? "good" : ""}`, text })];
  }

  Object.assign(newllm, { told: { ago, lasted, date, whole, state, best, findings, cause, lives: (run) => LIVES.includes(run.status) } });
})();
