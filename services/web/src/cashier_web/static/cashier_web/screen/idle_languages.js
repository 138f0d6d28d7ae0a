// Between calls the screen says "Please wait" in each of the store's languages in turn. A store that wrote its own text
// shows that text alone.

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
  // Each fragment comes in the first language.
  document.addEventListener("screen:shown", () => {
    turn = 0;
  });
  setInterval(showNextLanguage, TURN_MS);
};
