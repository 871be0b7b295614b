"use strict";
// The list of sections tells which one is being read.

(function (newllm) {
  /** Follow the sections that the links of `nav` (`<a href="#id">`) lead to; call again after they have changed. */
  newllm.followSections = function (nav) {
    const links = new Map();
    for (const link of nav.querySelectorAll('a[href^="#"]')) {
      const section = document.getElementById(link.hash.slice(1));
      if (section) links.set(section, link);
    }
    const inSight = new Set();
    nav.sectionObserver?.disconnect();
    nav.sectionObserver = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) inSight[isIntersecting ? "add" : "delete"](target);
      const current = [...links.keys()].find((section) => inSight.has(section));
      if (!current) return;
      for (const [section, link] of links) {
        if (section === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }, { rootMargin: "-10% 0px -60% 0px" });
    for (const section of links.keys()) nav.sectionObserver.observe(section);
  };
})(window.newllm);
