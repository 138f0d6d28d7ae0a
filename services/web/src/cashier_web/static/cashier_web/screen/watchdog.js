// The first script of the screen's page. If another part of the page could not be loaded, this script reloads the page.
// If all parts are loaded, this script dispatches the event "screen:loaded", and connection.js connects to the server.
//
// This is a classic script without imports, because a module does not run if one of its imports cannot be loaded. The
// page receives no calls before all its parts are loaded. Otherwise the page could show a number without having the
// module that removes numbers.

(() => {
  const FETCH_MS = 10_000;
  const BASE_MS = 2_000;
  const CAP_MS = 10_000;
  let attempts = 0;
  let isPartLost = false;

  // The browser reports an error for a script that could not be loaded, and for a module if one of its imports could
  // not be loaded.
  addEventListener(
    "error",
    ({ target }) => {
      if (target.localName === "script") isPartLost = true;
    },
    { capture: true },
  );

  // Reloads the page only if the server has just delivered it. If the server could not be reached, the browser would
  // show its own error page forever.
  const reloadIfPossible = async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), FETCH_MS);
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: controller.signal });
      if (answer.ok) return location.reload();
    } catch {
      // The server cannot be reached. The page tries again later.
    }
    reloadLater();
  };

  // The delay before a reload is random, so that the screens of a chain do not all come back at the same moment.
  // backoff.js computes delays in the same way, but a classic script like this cannot import backoff.js.
  const reloadLater = () => {
    const jitter = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempts++);
    setTimeout(reloadIfPossible, BASE_MS + jitter);
  };

  // Returns whether a stylesheet could not be loaded. In Chromium, the element of such a stylesheet has no sheet, an
  // empty sheet, or a sheet whose rules cannot be read.
  const isStyleLost = ({ sheet }) => {
    try {
      return sheet.cssRules.length === 0;
    } catch {
      return true;
    }
  };

  const checkParts = () => {
    const styles = [...document.querySelectorAll("link[rel=stylesheet]")];
    if (isPartLost || styles.some(isStyleLost)) return reloadLater();
    document.dispatchEvent(new CustomEvent("screen:loaded"));
  };

  // At the event DOMContentLoaded, all scripts and modules have run or failed. checkParts() runs before htmx handles
  // the same event, because this script comes before htmx in the page.
  document.addEventListener("DOMContentLoaded", checkParts);
})();
