"use strict";
// Folded sections: whoever follows a link to one finds it open.

(function (newllm) {
  /** Unfold the section of that id, and whatever it lies in. */
  newllm.unfold = function (id) {
    const target = document.getElementById(id);
    const inner = target?.querySelector(":scope > details.fold");
    for (let fold = inner ?? target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };

  const here = () => newllm.unfold(decodeURIComponent(location.hash.slice(1)));

  addEventListener("hashchange", here);
  document.addEventListener("click", (event) => { // the address may be there already: nothing changes then
    const link = event.target.closest?.('a[href^="#"]');
    if (link) newllm.unfold(decodeURIComponent(link.hash.slice(1)));
  });

  /** Unfold what the address leads to, once it is there. */
  newllm.unfoldHere = here;
})(window.newllm);
