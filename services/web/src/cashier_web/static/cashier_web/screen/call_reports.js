// Measures when the browser has painted each number, and how late it has removed the number. Reports both to the server,
// which proves with these reports that each call was on the screens.

import { afterPaint } from "./after_paint.js";
import { send } from "./connection.js";
import { currentFragment, isCallShown } from "./fragment.js";

// The server closes the proof of a call 60 s after the end of the call. A call is reported after PAINT_MS, REPORT_MS and
// SPREAD_MS at the latest, which are 45 s together.
const REPORT_MS = 35_000;
const SPREAD_MS = 5_000; // The screens of a store do not all report at the same moment.
const PAINT_MS = 5_000; // A browser that has painted nothing after this time does not paint.
const FIRST_SPREAD_MS = 10_000; // After a failure, thousands of screens connect again at the same time.
const KEPT_MS = 60_000; // A call that has ended earlier need not be reported.
const MOST_CALLS = 16; // in one report; the server accepts no more
const MOST_KEPT = 160; // calls. The server accepts ten reports at once, but closes the websocket after 20 frames.
const MOST_MS = 600_000; // The server accepts no larger number.

let shown = null; // the call that is shown: { id, endsAt, paintMs }
let removed = null; // the last call, as long as the browser has not painted what follows
let unreported = []; // { row: [call id, paintMs, removalMs], at } of each call that is not reported yet
let sent = []; // the same of the calls that were sent, as long as the server may not have received them
let cancelPaint = () => {};
let paintTimer;
let reportTimer = null;
let reportAt = Infinity;

const limited = (milliseconds) => Math.max(-MOST_MS, Math.min(MOST_MS, Math.round(milliseconds)));

const reportAfter = (milliseconds) => {
  const at = performance.now() + milliseconds;
  if (at >= reportAt) return;
  clearTimeout(reportTimer);
  reportTimer = setTimeout(sendReports, milliseconds);
  reportAt = at;
};

// The first report of a connection may contain no calls. It tells the server that this page can report.
const sendReports = () => {
  clearTimeout(reportTimer);
  reportAt = Infinity;
  unreported = unreported.filter(({ at }) => performance.now() - at < KEPT_MS);
  do {
    const calls = unreported.slice(0, MOST_CALLS);
    if (!send(JSON.stringify({ calls: calls.map(({ row }) => row) }))) return; // "htmx:wsOpen" starts this again.
    sent = [...sent, ...calls].slice(-MOST_KEPT);
    unreported = unreported.slice(MOST_CALLS);
  } while (unreported.length);
};

// Adds the last call to the next report. `removalMs` is null if the browser has not painted what follows. If the browser
// has not painted the number either, there was nothing to remove.
const finishRemoved = (removalMs) => {
  clearTimeout(paintTimer);
  if (!removed) return;
  const { id, paintMs } = removed;
  removed = null;
  const row = [id, paintMs, paintMs === null ? null : removalMs];
  unreported = [...unreported, { row, at: performance.now() }].slice(-MOST_KEPT);
  reportAfter(REPORT_MS + Math.random() * SPREAD_MS);
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

const noteOpen = () => {
  // The connection may have been dead when the last reports were sent.
  unreported = [...sent, ...unreported].slice(-MOST_KEPT);
  sent = [];
  reportAfter(Math.random() * FIRST_SPREAD_MS);
};

// A message of the server shows that the connection is alive, so the server has received what was sent before.
const noteMessage = () => {
  sent = [];
};

export const startCallReports = () => {
  document.addEventListener("screen:shown", noteShown);
  document.addEventListener("screen:frozen", sendReports);
  document.addEventListener("htmx:wsOpen", noteOpen);
  document.addEventListener("htmx:wsBeforeMessage", noteMessage);
  addEventListener("pagehide", sendReports);
};
