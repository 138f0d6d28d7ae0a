// Measures when the browser has painted each number, and how late it has removed the number. The server proves with the
// reports of these times that each call was on the screens (reports.js).

import { afterPaint } from "./after_paint.js";
import { currentFragment, isCallShown } from "./fragment.js";
import { reportCall } from "./reports.js";

const PAINT_MS = 5_000; // A browser that has painted nothing after this time does not paint.
const MOST_MS = 600_000; // The server accepts no larger number.

let shown = null; // the call that is shown: { id, endsAt, paintMs }
let removed = null; // the last call, as long as the browser has not painted what follows
let cancelPaint = () => {};
let paintTimer;

const limited = (milliseconds) => Math.max(-MOST_MS, Math.min(MOST_MS, Math.round(milliseconds)));

// Adds the last call to the next report. `removalMs` is null if the browser has not painted what follows. If the browser
// has not painted the number either, there was nothing to remove.
const finishRemoved = (removalMs) => {
  clearTimeout(paintTimer);
  if (!removed) return;
  const { id, paintMs } = removed;
  removed = null;
  reportCall([id, paintMs, paintMs === null ? null : removalMs]);
};

const noteShown = ({ detail }) => {
  const { call, holdMs } = currentFragment().dataset;
  const id = isCallShown() ? call : undefined;
  const endsAt = detail.arrivedAt + Number(holdMs);
  if (id && shown && shown.id === id) {
    shown.endsAt = endsAt; // The page has connected again during the call.
    return;
  }
  // After the page itself has removed a number, the server may also send the idle text.
  if (!id && !shown) return;
  finishRemoved(null);
  removed = shown;
  shown = id ? { id, endsAt, paintMs: null } : null;
  const current = shown;
  paintTimer = setTimeout(finishRemoved, PAINT_MS, null);
  cancelPaint();
  cancelPaint = afterPaint(() => {
    const now = performance.now();
    if (current) current.paintMs = limited(now - detail.arrivedAt);
    // A call that was replaced ends before its time. Then the number is negative, and the server corrects it.
    if (removed) finishRemoved(limited(now - removed.endsAt));
  });
};

export const startCallReports = () => {
  document.addEventListener("screen:shown", noteShown);
};
