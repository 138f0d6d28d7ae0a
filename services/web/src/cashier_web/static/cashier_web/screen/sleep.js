// Tells the kiosk when the store's opening hours have ended, and when they begin again. A page cannot switch the display
// off. It writes a line to the console, from which the script run-browser of a kiosk reads the time. Other browsers do
// nothing with the line.

import { currentFragment } from "./fragment.js";

let reported = null;

// Returns the Unix time at which the opening hours begin, as a text; "" within the opening hours. It is the third part
// of the appearance id (appearance_id() in cashier_web/screens/appearance.py).
const wakesAt = () => currentFragment().dataset.look?.split(".")[2] ?? "";

// Also reports "awake" when the page is loaded, because the kiosk may know an older time.
const tell = () => {
  if (wakesAt() === reported) return;
  reported = wakesAt();
  console.warn(reported ? `cashier_q: asleep until ${reported}` : "cashier_q: awake");
};

export const startSleep = () => {
  document.addEventListener("screen:shown", tell);
  tell();
};
