"use strict";
// The one global of our pages, and the few words that the browser itself shows.
window.newllm = window.newllm || {};

(function (newllm) {
  newllm.language = document.documentElement.lang.startsWith("ja") ? "ja" : "en";

  newllm.words = {
    en: {
      all: "Show all", log: "Log scale", to: "to", nothing: "No values", notFinite: "Not one finite value",
      copy: "Copy", copied: "Copied", infinite: "infinite", missing: "not measured", from: "from",
      help: "← → move · + − zoom · Home shows all · L log scale · Shift ← → reads values",
      helpHeat: "← → ↑ ↓ read values · + − zoom · Home shows all · Shift ← → moves",
      plot: "interactive plot", below: "not above 0",
      bad: "This chart could not be drawn",
    },
    ja: {
      all: "全体を表示", log: "対数目盛", to: "〜", nothing: "値がありません", notFinite: "有限の値がありません",
      copy: "コピー", copied: "コピーしました", infinite: "無限大", missing: "測定なし", from: "範囲",
      help: "← → 移動 · + − 拡大縮小 · Home 全体 · L 対数目盛 · Shift ← → 値を読む",
      helpHeat: "← → ↑ ↓ 値を読む · + − 拡大縮小 · Home 全体 · Shift ← → 移動",
      plot: "操作できる図", below: "0 以下", bad: "この図は描けませんでした",
    },
  };

  /** The word of that key in the page's language. */
  newllm.text = (key) => newllm.words[newllm.language][key] ?? newllm.words.en[key] ?? key;

  /** A new element with a class, a text and attributes; never a style in its markup, which the policy forbids. */
  newllm.element = function (name, className = "", text = "", attributes = {}) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
})(window.newllm);
