"use strict";
/** Runs the page's scripts once it was painted: they take longer than all that stands in it. */
(() => {
  const { src } = document.currentScript.dataset;
  const begin = () => {
    clearTimeout(waiting);
    if (begun) return;
    begun = true;
    document.head.append(Object.assign(document.createElement("script"), { src }));
  };
  let begun = false;
  const waiting = setTimeout(begin, 200); // a page that nobody looks at is never painted
  new PerformanceObserver(begin).observe({ type: "paint", buffered: true });
})();
