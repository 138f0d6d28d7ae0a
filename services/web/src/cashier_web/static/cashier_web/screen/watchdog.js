// The first script of the screen's page. It notices when another part of the page was lost on the way, and then loads
// the page again; when everything is here, it tells connection.js to connect.
//
// This is a classic script without imports, because one module that fails to load stops all of them. Nothing connects
// without "screen:loaded": no number comes up on a page that lacks the part that would take the number down.

(() => {
  const FETCH_MS = 10_000;
  const BASE_MS = 2_000;
  const CAP_MS = 10_000;
  let attempts = 0;
  let isPartLost = false;

  // Reported for a module whose import could not be loaded, too.
  addEventListener(
    "error",
    ({ target }) => {
      isPartLost ||= target.localName === "script";
    },
    { capture: true },
  );

  // Only a page that the server can give is gone to. A reload without a server could end in the browser's own error
  // page, which nobody would ever leave.
  const reloadIfPossible = async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), FETCH_MS);
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: controller.signal });
      if (answer.ok) return location.reload();
    } catch {
      // No connection: try again later.
    }
    reloadLater();
  };

  // Full jitter, so that the screens of a chain do not come back all at once (as in backoff.js, which this script
  // cannot import).
  const reloadLater = () => {
    const jitter = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempts++);
    setTimeout(reloadIfPossible, BASE_MS + jitter);
  };

  // Chromium gives a style that was lost no sheet, an empty one, or one whose rules cannot be read.
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

  // Scripts and modules have run or failed by now. This listener comes before htmx's own, because this script does.
  document.addEventListener("DOMContentLoaded", checkParts);
})();
