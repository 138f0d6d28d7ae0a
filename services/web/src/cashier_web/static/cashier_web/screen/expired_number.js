// The backstop: takes an expired number off the screen if the server does not, for example because all servers are dead.

import { currentFragment, isCallShown, removeCall } from "./fragment.js";

const GRACE_MS = 500; // After the end of a hold, for the fragment that the server owes.

let timer;

const setBackstop = () => {
  clearTimeout(timer);
  if (isCallShown()) timer = setTimeout(removeCall, Number(currentFragment().dataset.holdMs) + GRACE_MS);
};

export const startBackstop = () => document.addEventListener("screen:shown", setBackstop);
