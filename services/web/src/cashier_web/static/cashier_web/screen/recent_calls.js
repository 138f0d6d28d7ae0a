// The last calls, for customers who looked away: small and at the edge, if the store wants them.

import { appearance } from "./appearance.js";
import { currentFragment } from "./fragment.js";

const SHOWN_CALLS = 3;
const FORGOTTEN_MS = 15 * 60_000; // Nobody waits for a call that is older.
const SAME_CALL_MS = 2 * 60_000; // The longest hold. Later, a Redis that was emptied may use the same seq again.
const KEY = `recent ${location.pathname}`; // in the session's storage, which survives a reload

const list = document.getElementById("recent");
let calls = []; // the newest one first: { seq, name, at }

const restore = () => {
  try {
    calls = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    // No storage, or not our content: the list starts empty.
  }
};

const save = () => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(calls));
  } catch {
    // No storage: the list lasts until the page is reloaded.
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
  list.replaceChildren(...past.map(toLine));
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
