// The page with the buttons: every press gets a receipt, and its button shows what became of the press.

import { watchKeys } from "./key_presses.js";

const MAX_RECEIPTS = 20;
const REFUSED_MS = 5_000; // how long a button shows that its press was refused
const NOTICE_MS = 5_000; // how long the page shows that it has ignored a barcode scanner

const receipts = document.getElementById("receipts");
const language = document.getElementById("language");
const stateTimers = new WeakMap(); // for each button, the timer that shows its next state

const translations = () => document.getElementById("words").dataset;
const isButton = (element) => element.name === "cashier";
const withTillName = (element, text) =>
  isButton(element) ? `${element.querySelector(".name").textContent} ${text}` : text;

const clearState = (button) => {
  delete button.dataset.state;
  delete button.dataset.stateText;
};

// Shows the first state on the button, and after it each later state. A state has a name, a text, and the time in
// milliseconds for which the button shows the state. A state without a time stays on the button.
const showStates = (button, [state, stateText, milliseconds], ...later) => {
  clearTimeout(stateTimers.get(button));
  Object.assign(button.dataset, { state, stateText });
  if (!milliseconds) return;
  const showNext = () => (later.length ? showStates(button, ...later) : clearState(button));
  stateTimers.set(button, setTimeout(showNext, milliseconds));
};

const addReceipt = (text, className) => {
  const line = document.createElement("li");
  line.textContent = text;
  line.dir = "auto"; // Older receipts may be in another language.
  line.className = className;
  receipts.prepend(line);
  while (receipts.children.length > MAX_RECEIPTS) receipts.lastElementChild.remove();
};

const showRefusal = (element, text) => {
  addReceipt(text, "refused");
  if (isButton(element)) showStates(element, ["refused", translations().notCalled, REFUSED_MS]);
  if (element === language) for (const option of language.options) option.selected = option.defaultSelected;
};

// Nobody knows whether the press has made a call, so the receipt asks the cashier to look at the screen.
const showUncertainty = (element) => {
  if (!isButton(element)) return showRefusal(element, translations().noAnswer);
  addReceipt(withTillName(element, translations().maybeNotCalled), "uncertain");
  showStates(element, ["uncertain", translations().maybeNotCalled, REFUSED_MS]);
};

const showCall = (button, call) => {
  const shown = ["called", translations().shownNow, call.hold_ms];
  if (call.isQueued) return showStates(button, ["waits", call.place, call.starts_in_ms], shown);
  // The call of this button is on the screen now, so no other call is on the screen any more. Therefore all other
  // buttons stop showing "on the screen".
  for (const other of document.querySelectorAll("button[data-state=called]")) clearState(other);
  shown[2] += call.starts_in_ms;
  showStates(button, shown);
};

// Selects the store's language in the list of languages, because another page may have changed the store's language. A
// press calls in the language that is selected in this list.
const updateLanguage = (changed, code) => {
  if ("own" in language.dataset) return; // The page of one till has a language of its own.
  // If the user has just chosen another language, keep this choice. The page sends the choice to the server only after
  // the user's earlier presses, so the answer to such a press still contains the old language.
  const isUnchanged = changed !== language && language.selectedOptions[0].defaultSelected;
  for (const option of language.options) option.defaultSelected = option.value === code;
  if (isUnchanged) language.value = code;
};

// htmx dispatches the event "htmx:confirm" for each press, before it sends the press. The event comes before the wait
// if the press must wait for an earlier press.
document.addEventListener("htmx:confirm", ({ detail }) => {
  if (isButton(detail.elt)) showStates(detail.elt, ["sending", "…"]);
});

// htmx dispatches the event "receipt" when the server has answered a press. The header HX-Trigger of the answer
// contains the receipt.
document.addEventListener("receipt", ({ target, detail }) => {
  const isQueued = detail.starts_in_ms > 0 && detail.outcome !== "stays up";
  addReceipt(detail.text, isQueued ? "waits" : "called");
  if (isButton(target)) showCall(target, { ...detail, isQueued });
  updateLanguage(target, detail.language);
});

// After a change of language, the element #words contains the texts of the new language. The page gets the language and
// the direction of this element.
document.addEventListener("htmx:afterSettle", () => {
  const { lang, dir } = document.getElementById("words");
  Object.assign(document.documentElement, { lang, dir });
});

// A press may have made a call although the server answers with an error. Only web's own status 503 with a reason says
// for sure that the press has made no call.
document.addEventListener("htmx:responseError", ({ detail }) => {
  const { xhr, elt } = detail;
  const isReason = (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/plain");
  if (xhr.status >= 500 && !(xhr.status === 503 && isReason)) showUncertainty(elt);
  else if (isReason) showRefusal(elt, xhr.responseText.trim());
  else showRefusal(elt, withTillName(elt, `${translations().notSent} ${xhr.status}`));
});

// web's answer to a press always contains a receipt. Another answer may come from something between the browser and
// web, for example from the sign-in page of a wireless network.
document.addEventListener("htmx:afterOnLoad", ({ detail }) => {
  const { xhr, elt } = detail;
  if (isButton(elt) && xhr.status < 400 && !xhr.getResponseHeader("HX-Trigger")) showUncertainty(elt);
});

// If a connection breaks, the server may already have received the press. The press was certainly not sent if the
// browser had no network before and after the attempt.
const sentOffline = new WeakSet();
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (!navigator.onLine) sentOffline.add(detail.xhr);
});
document.addEventListener("htmx:sendError", ({ detail }) => {
  if (navigator.onLine || !sentOffline.has(detail.xhr)) showUncertainty(detail.elt);
  else showRefusal(detail.elt, withTillName(detail.elt, translations().noConnection));
});

for (const name of ["htmx:timeout", "htmx:sendAbort"]) {
  document.addEventListener(name, ({ detail }) => showUncertainty(detail.elt));
}

// Returns the action of a key as a function, or nothing if the key has no action. The keys 1 to 9 press the buttons of
// tills. Enter presses the button or opens the link that has the focus, and the space bar presses the button. Both keys
// open the list of languages if it has the focus.
const actionOf = (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    if (event.target === language && language.showPicker) return () => language.showPicker();
    const focused = event.target.closest?.(event.key === " " ? "button" : "button, a[href]");
    return focused && (() => focused.click());
  }
  // If the key types no digit, use the position of the key. For example, a French keyboard types digits only with
  // Shift.
  const position = event.shiftKey ? null : /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const digit = /^[1-9]$/.test(event.key) ? event.key : position?.[1];
  if (!digit) return;
  // Search first for a button that shows the pressed digit. If there is none, search for the till whose number is this
  // digit and whose button shows only a name.
  const labelled = document.querySelector(`button[name=cashier][data-digits="${digit}"]`);
  const button = labelled ?? document.querySelector(`button[name=cashier][value="${digit}"]:not([data-digits])`);
  return button && (() => button.click());
};

// If a person presses two keys almost at the same time, watchKeys takes the keys for a scan, and nobody is called. The
// notice tells the person so.
const notice = document.getElementById("notice");
let noticeTimer;
watchKeys(actionOf, () => {
  notice.textContent = translations().scan;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => notice.replaceChildren(), NOTICE_MS);
});

// On the page of one till, the button has the focus, so the Enter key presses it. The button gets the focus here and
// not by the attribute `autofocus`. With the attribute, Enter at the end of a barcode could press the button before
// this script runs.
document.querySelector("#press.single-till button")?.focus();
