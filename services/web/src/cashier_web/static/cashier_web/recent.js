// The last calls, for whoever looked away: small, at the edge, where the store wants them.
"use strict";
(() => {
  const MOST = 3;
  const FORGOTTEN_MS = 15 * 60_000; // yesterday's are nobody's
  const SAME_MS = 2 * 60_000; // for so long a call is up at most; a Redis that was emptied counts from 1 again
  const KEY = `recent ${location.pathname}`; // survives a reload
  const list = document.getElementById("recent");
  let calls = [];
  try {
    calls = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch { /* no storage, or not ours: they begin anew */ }

  const paint = () => {
    const { numCashier, seq } = document.getElementById("message").dataset;
    const now = Date.now();
    calls = calls.filter((call) => now - call.at < FORGOTTEN_MS).slice(0, MOST + 1);
    const past = calls.filter((call) => !(numCashier && call.seq === seq)).slice(0, MOST);
    list.hidden = !look.shows_recent;
    list.replaceChildren(...past.map((call) => {
      const line = document.createElement("li");
      line.textContent = call.name;
      line.dir = "auto";
      return line;
    }));
  };

  document.addEventListener("screen:shown", () => {
    const message = document.getElementById("message");
    const { numCashier, seq } = message.dataset;
    const isKnown = calls[0]?.seq === seq && Date.now() - calls[0].at < SAME_MS;
    if (numCashier && !isKnown) calls = [{ seq, name: message.textContent, at: Date.now() }, ...calls].slice(0, MOST + 1);
  });
  document.addEventListener("screen:painted", () => {
    paint();
    try {
      sessionStorage.setItem(KEY, JSON.stringify(calls));
    } catch { /* no storage: only a reload loses them */ }
  });
  document.addEventListener("screen:look", paint);
  setInterval(paint, 60_000);
  paint();
})();
