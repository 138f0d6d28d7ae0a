// The look: what the store has set for its screens. A new one is taken up between calls; what belongs to another version
// of this page is not taken up but the page loaded again.
"use strict";
(() => {
  const SOON_MS = 5_000; // a store's screens don't all ask in the same moment
  const ALL_MS = 60_000; // nor do a chain's, after an update
  const TURN_MS = 6_000; // of a language in which the screen waits
  const root = document.documentElement;
  let due;
  let turn = 0;

  const message = () => document.getElementById("message");
  const isUp = () => "numCashier" in message().dataset;
  const version = (id) => id.split(".")[0];

  const apply = (text) => {
    window.look = JSON.parse(text);
    root.lang = look.waiting[0].language;
    root.dir = look.waiting[0].direction;
    root.style.setProperty("--ink", look.ink);
    root.style.setProperty("--ground", look.ground);
    document.title = document.getElementById("name").textContent = look.name;
    showLogo();
    tick();
    document.dispatchEvent(new CustomEvent("screen:look"));
  };

  // In place of the name, which is shown if the logo can't be.
  const showLogo = () => {
    const logo = document.getElementById("logo");
    logo.hidden = !look.logo;
    logo.alt = look.name;
    if (look.logo) logo.src = look.logo;
    else logo.removeAttribute("src");
    document.getElementById("name").hidden = Boolean(look.logo);
  };

  const tick = () => {
    const digits = { numberingSystem: "latn" }; // as a call's number has them
    let time = "";
    try {
      time = new Date().toLocaleTimeString(root.lang, { timeStyle: "short", timeZone: look.time_zone, ...digits });
    } catch { /* an old browser doesn't know this zone: better no time than a wrong one */ }
    document.getElementById("clock").textContent = time;
  };

  const takeUp = async () => {
    due = null;
    let page = null;
    try {
      page = await fetchPage();
    } catch { /* no connection: again later */ }
    const fresh = page?.body.dataset.look;
    // Only a page that could be fetched is gone to: behind a reload could be the browser's own error page, for ever.
    if (isUp()) return lookAgain();
    if (fresh && version(JSON.parse(fresh).id) !== version(look.id)) return location.reload();
    if (fresh) apply(fresh);
    lookAgain(fresh ? SOON_MS : ALL_MS); // a server that can't answer is not asked again by everybody at once
  };

  const lookAgain = (within = SOON_MS) => {
    const told = message().dataset.look;
    if (due || !told || told === look.id || isUp()) return;
    due = setTimeout(takeUp, Math.random() * (version(told) === version(look.id) ? within : ALL_MS));
  };

  // The languages in turn; a store's own words have none.
  const next = () => {
    if (isUp() || "notice" in message().dataset || look.waiting.length < 2) return;
    turn = (turn + 1) % look.waiting.length;
    const { language, direction, text } = look.waiting[turn];
    const waiting = document.createElement("span");
    waiting.className = "waiting";
    waiting.textContent = text;
    message().lang = language;
    message().dir = direction;
    message().replaceChildren(waiting);
  };

  document.addEventListener("screen:shown", () => {
    turn = 0;
    const { numCashier } = message().dataset;
    const arrow = numCashier && look.arrows[numCashier];
    if (arrow) message().dataset.arrow = arrow;
    else delete message().dataset.arrow;
    lookAgain();
  });

  apply(document.body.dataset.look);
  setInterval(tick, 1_000);
  setInterval(next, TURN_MS);
})();
