"use strict";
/** Every command that a page names can be copied. */
newllm.copyButtons(document);
