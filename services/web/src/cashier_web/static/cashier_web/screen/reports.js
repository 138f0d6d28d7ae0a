// Sends reports to the server: when the browser has painted and removed the number of each call (call_reports.js), and
// in which state the page is (page_state.js). A report contains what has happened since the last report.

import { send } from "./connection.js";
import { pageState } from "./page_state.js";

// The server closes the proof of a call 60 s after the end of the call. A call is reported after PAINT_MS in
// call_reports.js, REPORT_MS and SPREAD_MS at the latest, which are 45 s together.
const REPORT_MS = 35_000;
const SPREAD_MS = 5_000; // The screens of a store do not all report at the same moment.
const FIRST_SPREAD_MS = 10_000; // After a failure, thousands of screens connect again at the same time.
const STATE_MS = 60_000; // The server treats a page that does not report its state for 130 s as frozen.
const CHANGE_MS = 5_000; // A page whose state changes all the time does not report it more often.
const KEPT_MS = 60_000; // A call that has ended earlier need not be reported.
const MOST_CALLS = 16; // in one report; the server accepts no more
const MOST_KEPT = 160; // calls. The server accepts ten reports at once, but closes the websocket after 20 frames.

let unreported = []; // { row: [call id, paintMs, removalMs], at } of each call that is not reported yet
let sent = []; // the same of the calls that were sent, as long as the server may not have received them
let reportTimer = null;
let reportAt = Infinity;
let stateAt = -Infinity; // performance.now() when the state was sent on this connection
let sentState = ""; // the state that was sent last

const reportAfter = (milliseconds) => {
  const at = performance.now() + milliseconds;
  if (at >= reportAt) return;
  clearTimeout(reportTimer);
  reportTimer = setTimeout(sendReports, milliseconds);
  reportAt = at;
};

// Returns the state of the page if the next report must contain it.
const dueState = (now) => {
  const state = pageState();
  const isDue = now - stateAt >= STATE_MS - 1_000 || JSON.stringify(state) !== sentState;
  return isDue ? state : undefined;
};

const sendReports = () => {
  clearTimeout(reportTimer);
  reportAt = Infinity;
  const now = performance.now();
  unreported = unreported.filter(({ at }) => now - at < KEPT_MS);
  do {
    const calls = unreported.slice(0, MOST_CALLS);
    const page = dueState(now);
    if (!send(JSON.stringify({ calls: calls.map(({ row }) => row), page }))) return; // "htmx:wsOpen" starts this again.
    if (page) {
      stateAt = now;
      sentState = JSON.stringify(page);
    }
    sent = [...sent, ...calls].slice(-MOST_KEPT);
    unreported = unreported.slice(MOST_CALLS);
  } while (unreported.length);
  reportAfter(Math.max(stateAt + STATE_MS - now, 0));
};

// Adds a call to the next report. row: [call id, milliseconds until the paint, milliseconds from the end of the call
// until the removal]. The milliseconds are null if the browser has not painted.
export const reportCall = (row) => {
  unreported = [...unreported, { row, at: performance.now() }].slice(-MOST_KEPT);
  reportAfter(REPORT_MS + Math.random() * SPREAD_MS);
};

const noteState = () => {
  if (JSON.stringify(pageState()) === sentState) return;
  const sinceLast = performance.now() - stateAt;
  if (sinceLast >= CHANGE_MS) sendReports();
  else reportAfter(CHANGE_MS - sinceLast);
};

const noteOpen = () => {
  // The connection may have been dead when the last reports were sent.
  unreported = [...sent, ...unreported].slice(-MOST_KEPT);
  sent = [];
  // Another replica does not know the state of this page.
  sentState = "";
  stateAt = performance.now();
  reportAfter(Math.random() * FIRST_SPREAD_MS);
};

// A message of the server shows that the connection is alive, so the server has received what was sent before.
const noteMessage = () => {
  sent = [];
};

export const startReports = () => {
  document.addEventListener("screen:state", noteState);
  document.addEventListener("screen:frozen", sendReports);
  document.addEventListener("htmx:wsOpen", noteOpen);
  document.addEventListener("htmx:wsBeforeMessage", noteMessage);
  addEventListener("pagehide", sendReports);
};
