// Stores a copy of the page in the browser's cache, for a screen that boots while its server cannot be reached.
// Whenever the page is fetched, this module stores the page and all its scripts, its styles and its icon.
// service_worker.js answers from this cache.

import { appearance, versionOf } from "./appearance.js";
import { fetchPage } from "./fetch_page.js";

const CACHE = "screen"; // service_worker.js uses the same name
const PARTS = "script[src], link[rel=stylesheet], link[rel=modulepreload], link[rel=icon]";

const addressesOfParts = (page) =>
  [...page.querySelectorAll(PARTS)].map(
    (part) => new URL(part.getAttribute("src") ?? part.getAttribute("href"), location.href).href,
  );

// Stores the parts of a page (scripts, styles and icon) first and the page last, so that a stored page always has all
// its parts. Then deletes the parts that only older versions of the page need.
const keep = async ({ response, page }) => {
  const cache = await caches.open(CACHE);
  const needed = addressesOfParts(page);
  for (const address of needed) {
    if (!(await cache.match(address))) await cache.add(address);
  }
  await cache.put(location.pathname, response);
  for (const { url } of await cache.keys()) {
    if (new URL(url).pathname.startsWith("/static/") && !needed.includes(url)) await cache.delete(url);
  }
};

const registerAndKeep = async () => {
  await navigator.serviceWorker.register("/worker.js");
  const kept = await caches.match(location.pathname, { cacheName: CACHE });
  // If the cache has a copy of the current version of the page, the page is not fetched again. Otherwise each screen of
  // a chain would fetch the page twice at every boot.
  if ((await kept?.text())?.includes(versionOf(appearance.id))) return;
  await fetchPage();
};

export const startOfflineCopy = () => {
  // Browsers offer service workers only to pages that came over HTTPS or from the same machine. For other pages, no
  // copy is stored.
  if (!navigator.serviceWorker) return;
  let keeping = Promise.resolve(); // Copies are stored one after the other, so that none deletes the parts of another.
  document.addEventListener("screen:page-fetched", ({ detail }) => {
    keeping = keeping
      .then(() => keep(detail))
      .catch(() => {
        // The copy could not be stored, because the browser has no space left or the server cannot be reached. The
        // previous copy stays in the cache.
      });
  });
  addEventListener("load", () =>
    registerAndKeep().catch(() => {
      // No copy could be stored. The page tries to store a copy again when the page is loaded the next time.
    }),
  );
};
