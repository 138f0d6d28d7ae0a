// Notices that the picture is frozen: the page is visible, but the browser paints nothing, for example because the
// compositor or the graphics driver hangs. A number could then stay on the wall for hours. The page itself cannot
// repair the picture. It closes its connection (connection.js), and writes a line to the console. On a kiosk, the
// script run-browser reads the line and restarts the browser and the compositor.

const PROBE_MS = 5_000;
const UNPAINTED_PROBES = 3; // After 3 probes without a frame, which take 10 to 15 s, the browser does not paint.
const FROZEN_PROBES = 12; // The picture is frozen after 12 probes without a frame, which take one minute.

const spot = document.createElement("div");
let isFramePending = false;
let unanswered = 0; // the number of probes since the last frame
let isFrozen = false;

// Returns whether the browser paints, as far as the page knows.
export const isPainting = () => unanswered < UNPAINTED_PROBES;

const noteFrame = () => {
  const wasPainting = isPainting();
  isFramePending = false;
  unanswered = 0;
  if (!wasPainting) document.dispatchEvent(new CustomEvent("screen:painting"));
  if (!isFrozen) return;
  isFrozen = false;
  console.warn("cashier_q: the browser paints again");
  document.dispatchEvent(new CustomEvent("screen:thawed"));
};

// Changes one pixel, and requests a frame. Without a change, the browser would have nothing to paint, and would call
// noteFrame even if the compositor hangs. This was seen with Chromium and the compositor cage, when cage was stopped.
const probe = () => {
  if (document.visibilityState !== "visible") {
    unanswered = 0;
    return;
  }
  spot.classList.toggle("changed");
  if (!isFramePending) requestAnimationFrame(noteFrame);
  isFramePending = true;
  unanswered += 1;
  if (unanswered === UNPAINTED_PROBES) document.dispatchEvent(new CustomEvent("screen:painting"));
  // The page counts probes instead of seconds. While the computer sleeps, time passes, but no probe runs. Therefore
  // sleep is not taken for a frozen picture.
  if (isFrozen || unanswered <= FROZEN_PROBES) return;
  isFrozen = true;
  console.error("cashier_q: the picture is frozen");
  document.dispatchEvent(new CustomEvent("screen:frozen"));
};

export const startFrozenPicture = () => {
  spot.id = "spot";
  document.body.append(spot);
  setInterval(probe, PROBE_MS);
};
