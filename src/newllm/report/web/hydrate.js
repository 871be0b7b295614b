"use strict";
// Draws the charts of a page in the places that Python made for them.

(function (newllm) {
  const PATIENCE = 12; // milliseconds of drawing before the page gets its turn

  /**
   * Draw every chart in `root`.
   * @param {ParentNode} root
   * @param {Object<string, object>} charts `as_dict()` of each, by its id
   * @param {{window?: function}} options
   * @returns {Promise<Map<string, object>>} a handle by id
   */
  newllm.hydrate = async function (root, charts, options = {}) {
    newllm.samples(root);
    newllm.copyButtons(root);
    const handles = new Map();
    let since = performance.now();
    for (const figure of root.querySelectorAll("[data-chart]")) {
      const id = figure.dataset.chart;
      if (!Object.hasOwn(charts, id)) continue;
      const handle = await drawn(figure, charts[id], options);
      if (handle) handles.set(id, handle);
      if (performance.now() - since > PATIENCE) {
        await new Promise((resolve) => setTimeout(resolve));
        since = performance.now();
      }
    }
    return handles;
  };

  async function drawn(figure, spec, options) {
    try {
      return await (spec.kind === "heat" ? newllm.heat : newllm.curves)(figure, spec, options);
    } catch (error) {
      // One bad chart must not take the page with it; its table is still there.
      console.error(`chart ${spec.id}`, error);
      figure.querySelector(".plot").replaceChildren(newllm.element("p", "problem", `${newllm.text("bad")}: ${error.message}`));
      return null;
    }
  }

  /** What a page brings with itself is made ready at once. Resolves to the handles of a report's charts. */
  newllm.ready = new Promise((resolve) => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve);
    else resolve();
  }).then(() => {
    newllm.unfoldHere();
    document.querySelectorAll("nav.sections").forEach(newllm.followSections);
    const data = document.getElementById("charts");
    return newllm.hydrate(document, data ? JSON.parse(data.textContent) : {});
  });
})(window.newllm);
