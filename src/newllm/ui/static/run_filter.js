"use strict";
/** What is typed above the list of runs: words, and conditions as seed=1, learning_rate>0.001, tag=baseline, status!=failed. */
(() => {
  const { facts, say } = newllm;
  const TERM = /([^\s"=<>!]+)(!=|<=|>=|=|<|>)("[^"]*"?|[^\s]*)|"([^"]*)"?|(\S+)/g;
  const OWN = {
    name: (run) => run.name, status: (run) => [run.status, say(run.status)], tag: (run) => run.tags || [], cause: (run) => run.cause ?? run.remedy,
    step: (run) => run.step, steps: (run) => run.steps, loss: (run) => run.loss, bits: (run) => run.bits, seconds: (run) => run.seconds,
  };

  /** The name of the setting that is meant: whole, or its end after a point where no other ends so. */
  function named(name, settings) {
    if (Object.hasOwn(OWN, name) || Object.hasOwn(facts, name) || settings.includes(name)) return name;
    const ends = settings.filter((one) => one.toLowerCase().endsWith(`.${name.toLowerCase()}`) || one.toLowerCase() === name.toLowerCase());
    return ends.length === 1 ? ends[0] : null;
  }

  const valueOf = (run, name) => (OWN[name] || facts[name]?.of || ((one) => one.settings?.[name]))(run);

  function holds(value, sign, wanted) {
    if (Array.isArray(value)) return sign === "!=" ? !value.some((one) => holds(one, "=", wanted)) : value.some((one) => holds(one, sign, wanted));
    if (value === undefined || value === null || value === "") return sign === "!=" ? wanted !== "" : sign === "=" && wanted === "";
    const number = Number(wanted), numbers = wanted !== "" && Number.isFinite(number) && Number.isFinite(Number(value)) && typeof value !== "boolean";
    const order = numbers ? Number(value) - number : String(value).toLowerCase() === wanted.toLowerCase() ? 0 : String(value).toLowerCase() < wanted.toLowerCase() ? -1 : 1;
    return { "=": order === 0, "!=": order !== 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0 }[sign];
  }

  /**
   * @param {string} typed
   * @param {string[]|null} settings names of settings that runs have; null while nobody has asked for them
   * @returns {{needs: boolean, settings: string[], unknown: string[], any: boolean, matches: (run: object, words: string) => boolean}}
   *   `needs`: whether names of settings are needed; `settings`: those that it compares; `unknown`: names that no run has, whose terms are words
   */
  newllm.runFilter = function (typed, settings) {
    const words = [], conditions = [], unknown = [];
    for (const [term, name, sign, value, quoted, word] of typed.matchAll(TERM)) {
      if (!name) { words.push((quoted ?? word).toLowerCase()); continue; }
      const key = named(name, settings || []);
      if (key === null) { // "lr=0.1" may be part of a name
        unknown.push(name);
        words.push(term.toLowerCase());
      } else conditions.push([key, sign, value.replace(/^"|"$/g, "")]);
    }
    const compared = conditions.map(([key]) => key).filter((key) => !Object.hasOwn(OWN, key) && !Object.hasOwn(facts, key));
    return {
      needs: settings === null && (unknown.length > 0 || compared.length > 0), settings: compared, unknown, any: words.length + conditions.length + unknown.length > 0,
      /** Of how many runs a setting is compared that they do not have: they are left out, and nobody should wonder why. */
      lacking: (runs) => compared.map((name) => ({ name, count: runs.filter((run) => run.settings?.[name] === undefined).length })).find(({ count }) => count),
      matches: (run, text) => words.every((word) => text.includes(word)) && conditions.every(([key, sign, wanted]) => holds(valueOf(run, key), sign, wanted)),
    };
  };
})();
