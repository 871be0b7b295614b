"use strict";
// The one global of our pages.
window.newllm = window.newllm || {};

(function (newllm) {
  const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

  /** The word of that key in the page's language; the page brings them (web_files.words). */
  newllm.text = (key) => words[key] ?? key;

  /** A new element with a class, a text and attributes; never a style in its markup, which the policy forbids. */
  newllm.element = function (name, className = "", text = "", attributes = {}) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
})(window.newllm);
