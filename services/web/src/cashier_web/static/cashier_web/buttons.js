// The buttons: a receipt for every press, whatever became of it.
"use strict";
(() => {
  const MOST_RECEIPTS = 20;
  const REFUSED_MS = 5_000; // how long a button is marked with that
  const receipts = document.getElementById("receipts");
  const language = document.getElementById("language");
  const fading = new WeakMap();

  const words = () => document.getElementById("words").dataset;
  const isButton = (element) => element.name === "cashier";
  const named = (element, text) => (isButton(element) ? `${element.querySelector(".name").textContent} ${text}` : text);

  // What becomes of a button's press, one state after the other: how each is called, what is said of it, and for how long.
  const mark = (element, [state, told, milliseconds], ...later) => {
    clearTimeout(fading.get(element));
    Object.assign(element.dataset, { state, told });
    if (!milliseconds) return;
    fading.set(element, setTimeout(() => (later.length ? mark(element, ...later) : clear(element)), milliseconds));
  };

  const clear = (element) => {
    delete element.dataset.state;
    delete element.dataset.told;
  };

  const tell = (element, text, state) => {
    const line = document.createElement("li");
    line.textContent = text;
    line.dir = "auto"; // older ones may be in another language
    line.className = state;
    receipts.prepend(line);
    while (receipts.children.length > MOST_RECEIPTS) receipts.lastElementChild.remove();
  };

  const refuse = (element, text) => {
    tell(element, text, "refused");
    if (isButton(element)) mark(element, ["refused", words().notCalled, REFUSED_MS]);
    if (element === language) for (const option of language.options) option.selected = option.defaultSelected;
  };

  // Before it is sent or, behind another press, queued.
  document.addEventListener("htmx:confirm", ({ detail }) => {
    if (isButton(detail.elt)) mark(detail.elt, ["sending", "…"]);
  });

  // What the server answers with, in HX-Trigger.
  document.addEventListener("receipt", ({ target, detail }) => {
    const waits = detail.starts_in_ms > 0 && detail.outcome !== "stays up";
    tell(target, detail.text, waits ? "waits" : "called");
    if (isButton(target)) {
      // Nobody else is on the screen now, whatever the store's policy is.
      if (!waits) for (const other of document.querySelectorAll("button[data-state=called]")) clear(other);
      const up = ["called", words().shownNow, detail.hold_ms + (waits ? 0 : detail.starts_in_ms)];
      mark(target, ...(waits ? [["waits", detail.place, detail.starts_in_ms], up] : [up]));
    }
    // The store's language, which another page may have changed; a press is made in the one that is chosen here.
    if ("own" in language.dataset) return; // a till's page has its own
    // Unless another one was chosen meanwhile, which is sent behind this.
    const isAsItWas = target !== language && language.selectedOptions[0].defaultSelected;
    for (const option of language.options) option.defaultSelected = option.value === detail.language;
    if (isAsItWas) language.value = detail.language;
  });

  // After a change of language: the page is written as its words are.
  document.addEventListener("htmx:afterSettle", () => {
    const { lang, dir } = document.getElementById("words");
    Object.assign(document.documentElement, { lang, dir });
  });

  document.addEventListener("htmx:responseError", ({ detail }) => {
    const { xhr, elt } = detail;
    const ours = (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/plain");
    if (ours) refuse(elt, xhr.responseText.trim());
    else if (xhr.status === 502 || xhr.status === 504) refuse(elt, named(elt, words().noAnswer));
    else refuse(elt, named(elt, `${words().notSent} ${xhr.status}`));
  });

  document.addEventListener("htmx:sendError", ({ detail }) => refuse(detail.elt, named(detail.elt, words().noConnection)));
  // It may have arrived: only the answer didn't come.
  for (const late of ["htmx:timeout", "htmx:sendAbort"]) {
    document.addEventListener(late, ({ detail }) => refuse(detail.elt, named(detail.elt, words().noAnswer)));
  }

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    // By position where the key says something else: on a French keyboard digits need Shift.
    const position = event.shiftKey ? null : /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const till = /^[1-9]$/.test(event.key) ? event.key : position?.[1];
    if (!till) return;
    // The key that has a till's number on it calls that; a till with a name is called by its place.
    const called = document.querySelector(`button[name=cashier][data-digits="${till}"]`);
    (called ?? document.querySelector(`button[name=cashier][value="${till}"]:not([data-digits])`))?.click();
  });
})();
