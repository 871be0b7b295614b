"use strict";
// A button on every block of code, and on every command within a text, that takes it to the clipboard.

(function (newllm) {
  const SHOWN = 1600; // milliseconds that "Copied" stands there

  /** Give each `pre` and each `code.command` within `root` its button. */
  newllm.copyButtons = function (root) {
    for (const block of root.querySelectorAll("pre")) {
      if (!block.parentElement.classList.contains("code")) framed(block, "div");
    }
    for (const command of root.querySelectorAll("code.command")) {
      if (!command.parentElement.classList.contains("code")) framed(command, "span");
    }
  };

  function framed(text, kind) {
    const frame = newllm.element(kind, "code"), button = newllm.element("button", "copy", newllm.text("copy"), { type: "button" });
    text.replaceWith(frame);
    frame.append(text, button);
    button.addEventListener("click", () => copied(text, button));
  }

  async function copied(text, button) {
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Where the clipboard is closed to pages the text is chosen, for the keys to copy.
      return getSelection().selectAllChildren(text);
    }
    button.textContent = newllm.text("copied");
    return setTimeout(() => (button.textContent = newllm.text("copy")), SHOWN);
  }
})(window.newllm);
