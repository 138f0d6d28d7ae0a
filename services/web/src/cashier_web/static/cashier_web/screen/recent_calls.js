// Shows the last calls in small type at the edge of the screen, for customers who have missed their call. The store can
// turn this list on or off.

import { appearance } from "./appearance.js";
import { currentFragment } from "./fragment.js";

const SHOWN_CALLS = 3;
const FORGOTTEN_MS = 15 * 60_000; // An older call is removed from the list, because nobody waits for it any more.
// Two fragments with the same seq within two minutes belong to the same call, because every hold is shorter than two
// minutes. Later the same seq may belong to a new call, because Redis counts from 1 again if it has lost its data.
const SAME_CALL_MS = 2 * 60_000;
const KEY = `recent ${location.pathname}`; // in sessionStorage, which is kept when the page is reloaded

const list = document.getElementById("recent");
let calls = []; // the newest call first; each call is { seq, name, at }

const restore = () => {
  try {
    calls = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    // The browser has no storage, or the stored text is not a list of calls. The list of the last calls starts empty.
  }
};

const save = () => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(calls));
  } catch {
    // The browser has no storage. The list of the last calls is lost when the page is reloaded.
  }
};

const toLine = ({ name }) => {
  const line = document.createElement("li");
  line.textContent = name;
  line.dir = "auto";
  return line;
};

const showCalls = () => {
  const { numCashier, seq } = currentFragment().dataset;
  const now = Date.now();
  calls = calls.filter((call) => now - call.at < FORGOTTEN_MS).slice(0, SHOWN_CALLS + 1);
  const past = calls.filter((call) => !(numCashier && call.seq === seq)).slice(0, SHOWN_CALLS);
  list.hidden = !appearance.shows_recent;
  list.textContent = "";
  list.append(...past.map(toLine));
  document.body.toggleAttribute("data-recent", !list.hidden && past.length > 0);
};

const remember = () => {
  const fragment = currentFragment();
  const { numCashier, seq } = fragment.dataset;
  const isKnown = calls[0]?.seq === seq && Date.now() - calls[0].at < SAME_CALL_MS;
  if (!numCashier || isKnown) return;
  calls = [{ seq, name: fragment.textContent, at: Date.now() }, ...calls].slice(0, SHOWN_CALLS + 1);
};

export const startRecentCalls = () => {
  restore();
  document.addEventListener("screen:shown", remember);
  document.addEventListener("screen:painted", () => {
    showCalls();
    save();
  });
  document.addEventListener("screen:appearance", showCalls);
  setInterval(showCalls, 60_000);
  showCalls();
};
