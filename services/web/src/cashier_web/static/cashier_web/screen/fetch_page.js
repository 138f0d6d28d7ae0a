// Fetches a fresh copy of the screen's page, for a new ticket, a new appearance or a new version of the page.

import { timeoutSignal } from "./timeout_signal.js";

const FETCH_MS = 10_000;

// Returns the copy as a document, or null if the server cannot give one. Rejects if there is no connection.
export const fetchPage = async () => {
  const response = await fetch(location.href, { cache: "no-store", signal: timeoutSignal(FETCH_MS) });
  if (!response.ok) return null;
  // The screen was moved to another store, or revoked. The page is left only now that the server has just given the
  // page to which it leads.
  if (new URL(response.url).pathname !== location.pathname) {
    location.replace(response.url);
    return null;
  }
  const copy = response.clone();
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.dispatchEvent(new CustomEvent("screen:page-fetched", { detail: { response: copy, page } }));
  return page;
};
