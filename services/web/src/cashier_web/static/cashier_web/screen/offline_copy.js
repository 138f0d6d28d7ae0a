// Keeps a copy of the page in the browser's cache, for a screen that boots when its server cannot be reached. Each time
// the page is fetched, the page is stored together with all its scripts, its styles and its icon. service_worker.js
// answers from this cache.

import { appearance, versionOf } from "./appearance.js";
import { fetchPage } from "./fetch_page.js";

const CACHE = "screen"; // service_worker.js uses the same name
const PARTS = "script[src], link[rel=stylesheet], link[rel=modulepreload], link[rel=icon]";

const addressesOfParts = (page) =>
  [...page.querySelectorAll(PARTS)].map(
    (part) => new URL(part.getAttribute("src") ?? part.getAttribute("href"), location.href).href,
  );

// The page comes last, so that a kept page always has all its parts. Parts of older versions are deleted.
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
  // A copy of this version is good enough. Otherwise a whole chain would fetch the page twice at every boot.
  if ((await kept?.text())?.includes(versionOf(appearance.id))) return;
  await fetchPage();
};

export const startOfflineCopy = () => {
  // Browsers offer this only to pages that came over HTTPS or from the same machine.
  if (!navigator.serviceWorker) return;
  let keeping = Promise.resolve(); // One copy after the other, so that none deletes a part that another needs.
  document.addEventListener("screen:page-fetched", ({ detail }) => {
    keeping = keeping
      .then(() => keep(detail))
      .catch(() => {
        // No room or no connection: the copy that was kept before stays.
      });
  });
  addEventListener("load", () =>
    registerAndKeep().catch(() => {
      // The next load of the page tries again.
    }),
  );
};
