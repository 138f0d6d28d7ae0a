// The fragment: the element that says "Please wait" or shows a call. It comes with the page, and each change comes over
// the websocket as HTML. This module puts the new fragment into the page and reports what is shown:
//
// - "screen:shown", before the next frame is painted: for whatever belongs to the same picture.
// - "screen:painted", when the browser has painted the fragment: for everything else. A slow computer would otherwise
//   keep the number from the screen for as long as its motion and its sound take to begin.
//
// These are events and not calls, so that an error in one listener stops none of the others.

const FRAME_MS = 250; // Even a slow computer paints within this time, if it paints at all.

export const currentFragment = () => document.getElementById("message");
export const isCallShown = () => "numCashier" in currentFragment().dataset;

let frame;
let withoutFrame = null;

const reportPainted = () => {
  cancelAnimationFrame(frame);
  clearTimeout(withoutFrame);
  withoutFrame = null;
  currentFragment().dataset.moves = ""; // lets the stylesheet begin its motion
  document.dispatchEvent(new CustomEvent("screen:painted"));
};

// The first callback comes before the frame in which the fragment is painted, the second one after it. A hidden page or
// a display that sleeps gets no frames: then the timer reports instead.
const reportShown = () => {
  document.dispatchEvent(new CustomEvent("screen:shown"));
  withoutFrame ??= setTimeout(reportPainted, FRAME_MS);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => {
    frame = requestAnimationFrame(reportPainted);
  });
};

// Does what htmx's out-of-band swap does, which is made for any HTML and is slow on a slow computer. Returns false for
// HTML that contains no fragment.
export const swapFragment = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fragment = template.content.getElementById("message");
  if (!fragment) return false;
  currentFragment().replaceWith(fragment);
  reportShown();
  return true;
};

// Writes a text into a fragment that shows no call. Nothing is reported.
export const writeIdleText = ({ text, language, direction }) => {
  const fragment = currentFragment();
  const idle = document.createElement("span");
  idle.className = "waiting";
  idle.textContent = text;
  fragment.lang = language;
  fragment.dir = direction;
  fragment.replaceChildren(idle);
};

// Takes a call off the screen. Each fragment carries the text that follows it.
export const removeCall = () => {
  const { dataset } = currentFragment();
  delete dataset.numCashier;
  writeIdleText({ text: dataset.waiting, language: dataset.waitingLang, direction: dataset.waitingDir });
  reportShown();
};
