// In a notebook, around our frames: each is as high as what it holds, and light or dark as what lies behind it.
(function () {
  "use strict";
  if (window.newllmFrames) return; // one for all outputs
  window.newllmFrames = true;
  const HIGHEST = 1200; // pixels; what is longer scrolls
  const frames = () => [...document.querySelectorAll("iframe[data-newllm]")];

  /** Whether a frame lies on something dark: by the first background behind it. */
  function dark(frame) {
    for (let at = frame.parentElement; at; at = at.parentElement) {
      const [red, green, blue, opaque = 1] = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
      if (opaque > 0.5) return 0.3 * red + 0.6 * green + 0.1 * blue < 128;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
  }

  const coloured = (frame) => { frame.style.colorScheme = dark(frame) ? "dark" : "light"; };

  addEventListener("message", ({ data, source }) => {
    const frame = data?.newllm > 0 && frames().find((one) => one.contentWindow === source);
    if (!frame) return;
    frame.style.height = `${Math.min(data.newllm, HIGHEST)}px`;
    coloured(frame);
    if (frame.previousElementSibling) frame.previousElementSibling.hidden = true; // it stands for the frame where there is none
  });
  const watch = new MutationObserver(() => frames().forEach(coloured));
  for (const element of [document.documentElement, document.body]) watch.observe(element, { attributes: true });
})();
