"use strict";
// Requests to the worker that holds the run's model, and its events while they happen.

(function (newllm) {
  const random = () => [...crypto.getRandomValues(new Uint32Array(2))].map((part) => part.toString(36)).join("");

  /** Before every name of a branch: two pages may talk to the same worker. */
  newllm.session = random();

  /**
   * What the worker or the server refused. `gone`: the worker ended while it was at it. `lost`: another worker has
   * taken its place, which does not know the branch.
   */
  class PlayError extends Error {
    constructor(message, gone = false) {
      super(message);
      this.gone = gone;
      this.lost = /^there is no branch/.test(message);
    }
  }
  newllm.PlayError = PlayError;

  const MOST = 800_000; // as the worker takes; a request that the server would refuse is not sent

  const address = `/api/run/${encodeURIComponent(newllm.page.run)}/play`;

  function post(request, options = {}) {
    return fetch(address, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request), ...options,
    });
  }

  /** Yield the lines of an answer as they come. */
  async function* lines(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const parts = (rest + read.value).split("\n");
      rest = parts.pop();
      yield* parts.filter(Boolean);
    }
  }

  /**
   * Ask the worker something.
   * @param {string} verb
   * @param {Object} [fields]
   * @param {(event: Object) => void} [hear] told every event before the last
   * @param {string} [id] by which it can be stopped
   * @returns {Promise<Object>} the last event
   */
  newllm.play = async function (verb, fields = {}, hear = () => {}, id = random()) {
    if (fields.text?.length > MOST) throw new PlayError(newllm.say("play_too_long").replace("{n}", MOST.toLocaleString("en-US")));
    const answer = await post({ ...fields, id, verb, snapshot: newllm.page.snapshot }).catch(() => {
      throw new PlayError(newllm.say("play_no_server"), true);
    });
    if (!answer.ok) throw new PlayError((await answer.json().catch(() => ({}))).error || String(answer.status));
    for await (const line of lines(answer.body)) {
      const event = JSON.parse(line);
      if (event.event === "done") return event;
      if (event.event === "error") throw new PlayError(event.error, event.gone);
      hear(event);
    }
    throw new PlayError(newllm.say("play_no_server"), true);
  };

  newllm.playId = random;

  /** Let go of branches when the page is left; nobody hears the answer. */
  newllm.dropAtEnd = function (names) {
    addEventListener("pagehide", () => {
      for (const branch of names()) {
        post({ id: random(), verb: "drop", branch, snapshot: newllm.page.snapshot }, { keepalive: true }).catch(() => {});
      }
    });
  };
})(window.newllm);
