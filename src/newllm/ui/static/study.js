"use strict";
/** The page of a study: its sections, drawn when they come. */
(() => {
  const { ask, make, page, say } = newllm;
  const parts = document.getElementById("parts");
  const report = newllm.reportButton({ write: `/api/study/${page.study}/report`, fetch: () => `/study/${page.study}/report.html` });
  document.getElementById("actions").append(report.button);
  document.getElementById("actions").after(report.said);
  const sections = new newllm.Sections({ parts, contents: document.getElementById("contents") });
  ask(`/api/study/${page.study}/sections?lang=${page.lang}`)
    .then(({ sections: all, order }) => sections.show(all, order))
    .catch((error) => parts.replaceChildren(make("p", { class: "problem", text: `${say("cannot")}: ${error.message}` })));
})();
