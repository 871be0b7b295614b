"use strict";
/** A button that writes the report of what a page shows. */
(() => {
  const { ask, make, page, say } = newllm;

  /**
   * Make the button, and the line beside it that says what became of it.
   * @param {{write?: string, fetch: function(): string}} addresses `write` is asked to write the report; without it, or
   *   in the demo, which nothing is written in, the report comes as a download from where `fetch` says
   */
  newllm.reportButton = ({ write, fetch: address }) => {
    const writes = write && !page.demo, lang = `lang=${page.lang}`;
    const said = make("p", { class: "small muted report-said", role: "status" });
    const button = make("button", { type: "button", title: say(writes ? "report_title" : "report_title_download"), text: say("report"), onclick: run });

    async function run() {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the focus away
      said.className = "small muted report-said";
      said.textContent = say("report_writing");
      try {
        said.replaceChildren(...(writes ? await written() : await downloaded()));
      } catch (error) {
        said.className = "small problem report-said";
        said.textContent = error.message;
      }
      button.removeAttribute("aria-disabled");
    }

    async function written() {
      const { file, size } = await ask(`${write}?${lang}`, {});
      const [before, after] = say("report_written").replace("{size}", size).split("{file}");
      return [before, make("code", { text: file }), after, " ", make("a", { href: address(), download: "", text: say("report_download") })];
    }

    async function downloaded() {
      const from = address(), answer = await fetch(`${from}${from.includes("?") ? "&" : "?"}${lang}`);
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `${answer.status} ${answer.statusText}`);
      const name = decodeURIComponent(/filename\*=UTF-8''(.*)/.exec(answer.headers.get("content-disposition"))?.[1] || "report.html");
      const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      return [say("report_downloaded").replace("{file}", name)];
    }

    return { button, said };
  };
})();
