"use strict";
/** What every page's script begins with: the page's data, and few small tools. */
window.newllm = window.newllm || {};
(() => {
  const page = JSON.parse(document.getElementById("page").textContent);

  /** Return the text of a key in the page's language; a space or a point of a key stands for a dash. */
  const say = (key) => page.texts[key.replace(/[ .]/g, "-")] ?? key;

  /**
   * Make an element. Text is set as text, never as HTML.
   * @param {string} name
   * @param {Object<string, *>} [attributes] `class`, `text`, `on...` functions, or attributes
   * @param {...(Node|string)} children
   */
  function make(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") made.textContent = value;
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value != null) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  /**
   * Ask the server for data.
   * @param {string} address
   * @param {Object} [sent] posted as JSON where it is given
   */
  async function ask(address, sent) {
    const options = sent === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent),
    };
    const answer = await fetch(address, options);
    const content = await answer.json().catch(() => ({ error: `${answer.status} ${answer.statusText}` }));
    if (!answer.ok) throw Object.assign(new Error(content.error || String(answer.status)), { status: answer.status });
    return content;
  }

  /** Note when something is on the screen for the first time (`benchmarks/pages/page_speed.py` reads it). */
  function mark(name) {
    if (!performance.getEntriesByName(`newllm-${name}`).length) performance.mark(`newllm-${name}`);
  }

  Object.assign(window.newllm, { page, say, make, ask, mark });
})();
