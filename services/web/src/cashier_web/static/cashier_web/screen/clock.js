// The clock at the edge of the screen, in the store's time zone and language.

import { appearance } from "./appearance.js";

const showTime = () => {
  let time = "";
  try {
    time = new Date().toLocaleTimeString(document.documentElement.lang, {
      timeStyle: "short",
      timeZone: appearance.time_zone,
      numberingSystem: "latn", // the digits that a call's number has
    });
  } catch {
    // An old browser does not know this time zone: no time is better than a wrong one.
  }
  document.getElementById("clock").textContent = time;
};

export const startClock = () => {
  document.addEventListener("screen:appearance", showTime);
  setInterval(showTime, 1_000);
  showTime();
};
