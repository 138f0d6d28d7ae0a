// Fetches a fresh copy of the screen's page, for a new ticket, a new appearance or a new version of the page.

import { timeoutSignal } from "./timeout_signal.js";

const FETCH_MS = 10_000;

// Returns a fresh copy of the page as a document, or null if the server does not deliver this page. Throws an error if
// the server cannot be reached.
export const fetchPage = async () => {
  const response = await fetch(location.href, { cache: "no-store", signal: timeoutSignal(FETCH_MS) });
  if (!response.ok) return null;
  // The server has redirected the fetch to another page, because the screen was moved to another store or revoked. The
  // browser opens the other page, too. The other page can be reached, because the server has just delivered it.
  if (new URL(response.url).pathname !== location.pathname) {
    location.replace(response.url);
    return null;
  }
  const copy = response.clone();
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.dispatchEvent(new CustomEvent("screen:page-fetched", { detail: { response: copy, page } }));
  return page;
};
