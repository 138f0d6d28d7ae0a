// The backstop: removes a number from the screen after its hold if the server does not remove it, for example because
// all servers are down.

import { currentFragment, isCallShown, removeCall } from "./fragment.js";

const GRACE_MS = 500; // The server has this much time after the end of a hold to remove the number.

let timer;

const setBackstop = () => {
  clearTimeout(timer);
  if (isCallShown()) timer = setTimeout(removeCall, Number(currentFragment().dataset.holdMs) + GRACE_MS);
};

export const startBackstop = () => document.addEventListener("screen:shown", setBackstop);
