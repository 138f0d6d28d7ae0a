// The fragment: the element that says "Please wait" or shows a call. The page contains the first fragment, and each
// later fragment comes over the websocket as HTML. This module puts a new fragment into the page and dispatches two
// events:
//
// - "screen:shown", before the browser paints the new fragment. Listeners change other parts of the page that must be
//   painted together with the fragment.
// - "screen:painted", after the browser has painted the new fragment. Listeners do everything else, for example start
//   the sound. Before the paint, this work would delay the number on a slow computer.
//
// An error in one listener of an event does not stop the other listeners. Therefore this module dispatches events
// instead of calling functions of the other modules.

import { afterPaint } from "./after_paint.js";

const FRAME_MS = 250; // Even a slow computer paints within this time, if it paints at all.

export const currentFragment = () => document.getElementById("message");
export const isCallShown = () => "numCashier" in currentFragment().dataset;

let cancelPaint = () => {};
let withoutFrame = null;

const reportPainted = () => {
  cancelPaint();
  clearTimeout(withoutFrame);
  withoutFrame = null;
  currentFragment().dataset.moves = ""; // lets the stylesheet begin its motion
  document.dispatchEvent(new CustomEvent("screen:painted"));
};

// Dispatches "screen:shown" for a new fragment, and calls reportPainted() after the browser has painted the fragment. If
// the page is hidden or the display sleeps, the browser paints nothing. Then a timer calls reportPainted().
//
// `arrivedAt`: when the fragment has arrived, as a time of performance.now().
const reportShown = (arrivedAt) => {
  document.dispatchEvent(new CustomEvent("screen:shown", { detail: { arrivedAt } }));
  if (withoutFrame === null) withoutFrame = setTimeout(reportPainted, FRAME_MS);
  cancelPaint();
  cancelPaint = afterPaint(reportPainted);
};

// Replaces the fragment of the page with the fragment in `html`. htmx's out-of-band swap would do the same, but it
// handles any HTML and therefore is slow on a slow computer. Returns false if `html` contains no fragment.
export const swapFragment = (html) => {
  const arrivedAt = performance.now();
  const template = document.createElement("template");
  template.innerHTML = html;
  const fragment = template.content.getElementById("message");
  if (!fragment) return false;
  currentFragment().replaceWith(fragment);
  reportShown(arrivedAt);
  return true;
};

// Writes an idle text into the current fragment, which must not show a call. Dispatches no event, because
// idle_languages.js would start again with the first language at each event "screen:shown".
export const writeIdleText = ({ text, language, direction }) => {
  const fragment = currentFragment();
  const idle = document.createElement("span");
  idle.className = "waiting";
  idle.textContent = text;
  fragment.lang = language;
  fragment.dir = direction;
  fragment.textContent = "";
  fragment.append(idle);
};

// Removes a call from the screen and shows the idle text. Each fragment of a call also contains the idle text.
export const removeCall = () => {
  const { dataset } = currentFragment();
  delete dataset.numCashier;
  writeIdleText({ text: dataset.waiting, language: dataset.waitingLang, direction: dataset.waitingDir });
  reportShown(performance.now());
};
