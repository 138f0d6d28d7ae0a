// Between calls the screen says "Please wait" in several languages of the store, one after the other. If the store has
// a notice, the screen shows only the notice.

import { appearance } from "./appearance.js";
import { currentFragment, isCallShown, writeIdleText } from "./fragment.js";

const TURN_MS = 6_000;

let turn = 0; // an index of appearance.waiting

const showNextLanguage = () => {
  const texts = appearance.waiting;
  if (isCallShown() || "notice" in currentFragment().dataset || texts.length < 2) return;
  turn = (turn + 1) % texts.length;
  writeIdleText(texts[turn]);
};

export const startIdleLanguages = () => {
  // Each new fragment shows the idle text in the store's first language, so the index points to the first language
  // again.
  document.addEventListener("screen:shown", () => {
    turn = 0;
  });
  setInterval(showNextLanguage, TURN_MS);
};
