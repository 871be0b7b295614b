"use strict";
/** The page of a study: its sections, drawn when they come. */
(() => {
  const { ask, make, page, say } = newllm;
  const parts = document.getElementById("parts");
  const sections = new newllm.Sections({ parts, contents: document.getElementById("contents") });
  ask(`/api/study/${page.study}/sections?lang=${page.lang}`)
    .then(({ sections: all, order }) => sections.show(all, order))
    .catch((error) => parts.replaceChildren(make("p", { class: "problem", text: `${say("cannot")}: ${error.message}` })));
})();
