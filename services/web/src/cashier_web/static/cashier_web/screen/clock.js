// The clock at the edge of the screen, in the store's time zone and language.

import { appearance } from "./appearance.js";

const showTime = () => {
  let time = "";
  try {
    time = new Date().toLocaleTimeString(document.documentElement.lang, {
      timeStyle: "short",
      timeZone: appearance.time_zone,
      numberingSystem: "latn", // the same digits as in the number of a call
    });
  } catch {
    // An old browser may not know the time zone of the store. Then no time is shown, because a wrong time would be
    // worse.
  }
  document.getElementById("clock").textContent = time;
};

export const startClock = () => {
  document.addEventListener("screen:appearance", showTime);
  setInterval(showTime, 1_000);
  showTime();
};
