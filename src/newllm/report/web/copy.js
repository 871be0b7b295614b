"use strict";
// A button on every block of code that takes its text to the clipboard.

(function (newllm) {
  const SHOWN = 1600; // milliseconds that "Copied" stands there

  /** Give each `pre` within `root` its button. */
  newllm.copyButtons = function (root) {
    for (const block of root.querySelectorAll("pre")) {
      if (block.parentElement.classList.contains("code")) continue;
      const frame = newllm.element("div", "code"), button = newllm.element("button", "copy", newllm.text("copy"), { type: "button" });
      block.replaceWith(frame);
      frame.append(block, button);
      button.addEventListener("click", () => copied(block, button));
    }
  };

  async function copied(block, button) {
    try {
      await navigator.clipboard.writeText(block.textContent);
    } catch {
      // Where the clipboard is closed to pages the text is chosen, for the keys to copy.
      return getSelection().selectAllChildren(block);
    }
    button.textContent = newllm.text("copied");
    return setTimeout(() => (button.textContent = newllm.text("copy")), SHOWN);
  }
})(window.newllm);
