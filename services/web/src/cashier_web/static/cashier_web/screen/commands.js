// Commands of managers to this screen: show the name of the screen, load the page again, or make a test call. None of
// them ever covers or ends a call.

import { fetchPage } from "./fetch_page.js";
import { isCallShown } from "./fragment.js";
import { playTest } from "./sound.js";

const IDENTIFY_MS = 20_000;
const TEST_MS = 3_000;

const overlay = document.getElementById("overlay");
let overlayTimer;
let isReloadDue = false;

// Shows a text over the idle text. The stylesheet puts each call over this text.
const show = (text, milliseconds) => {
  overlay.textContent = text;
  overlay.hidden = false;
  clearTimeout(overlayTimer);
  overlayTimer = setTimeout(() => {
    overlay.hidden = true;
  }, milliseconds);
};

// The page is reloaded only if the server has just delivered it. If the server could not be reached, the browser would
// show its own error page forever.
const reloadIfDue = async () => {
  if (!isReloadDue || isCallShown()) return; // At the end of the call, "screen:shown" calls this again.
  isReloadDue = false;
  try {
    if (!(await fetchPage())) return;
  } catch {
    return; // The server cannot be reached. The manager can try again.
  }
  if (isCallShown()) isReloadDue = true;
  else location.reload();
};

const obey = ({ detail }) => {
  const { action, text } = detail;
  if (action === "identify") show(text, IDENTIFY_MS);
  if (action === "reload") {
    isReloadDue = true;
    reloadIfDue();
  }
  if (action === "test" && !isCallShown()) {
    show(text, TEST_MS);
    playTest();
  }
};

export const startCommands = () => {
  document.addEventListener("screen:command", obey);
  document.addEventListener("screen:shown", reloadIfDue);
};
