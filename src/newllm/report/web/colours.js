"use strict";
// Colours by the stylesheet's names, so that light, dark and print are decided in one place, and drawn anew with it.

(function (newllm) {
  /**
   * Colours where that element stands.
   * @param {Element} element
   * @returns {(name: string) => string}
   */
  newllm.palette = function (element) {
    const style = getComputedStyle(element);
    return (name) => style.getPropertyValue(`--${name}`).trim() || style.color;
  };

  const listeners = new Set();
  const tell = () => listeners.forEach((redraw) => redraw());

  /**
   * Call `redraw` whenever the page's colours have changed.
   * @returns {() => void} stops it
   */
  newllm.onColours = function (redraw) {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  };

  // A canvas keeps its pixels: for paper it is drawn in light colours before the printer takes them. The class is
  // needed since the browser still answers with the screen's style while `beforeprint` runs.
  function onPaper(is) {
    document.documentElement.classList.toggle("on-paper", is);
    tell();
  }
  window.addEventListener("beforeprint", () => onPaper(true));
  window.addEventListener("afterprint", () => onPaper(false));
  matchMedia("print").addEventListener("change", (event) => onPaper(event.matches));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
})(window.newllm);
