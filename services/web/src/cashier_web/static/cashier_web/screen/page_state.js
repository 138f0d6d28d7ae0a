// The state of the page, which the server shows to managers: whether people can see and hear the calls of this screen.

import { appearance, versionOf } from "./appearance.js";
import { isPainting } from "./frozen_picture.js";
import { soundState } from "./sound.js";

const CHECK_MS = 5_000;
const MOST_PIXELS = 100_000; // The server accepts no larger number.

// The text in the browser's user agent that precedes the version, and the name of the browser. Many user agents contain
// the names of several browsers. Therefore the first match counts.
const BROWSERS = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["SamsungBrowser", "Samsung Internet"],
  ["Firefox", "Firefox"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
];

const browserName = () => {
  for (const [mark, name] of BROWSERS) {
    const version = navigator.userAgent.match(`${mark}/(\\d{1,4})`)?.[1];
    if (version) return `${name} ${version}`;
  }
  return "";
};

const browser = browserName();
let last = "";

// Returns [is visible, is painting, sound, version of the page, width, height, browser]. Widths and heights are in CSS
// pixels. PageState in cashier_core/screen_status.py explains the values.
export const pageState = () => [
  document.visibilityState === "visible",
  isPainting(),
  soundState(),
  versionOf(appearance.id),
  Math.min(innerWidth, MOST_PIXELS),
  Math.min(innerHeight, MOST_PIXELS),
  browser,
];

const checkState = () => {
  const state = JSON.stringify(pageState());
  if (state === last) return;
  last = state;
  document.dispatchEvent(new CustomEvent("screen:state"));
};

export const startPageState = () => {
  document.addEventListener("visibilitychange", checkState);
  document.addEventListener("screen:painting", checkState);
  setInterval(checkState, CHECK_MS);
};
