// What keeps a screen there for months: it doesn't go dark, and its page is kept for a boot without a server.
"use strict";
(() => {
  const KEPT = "screen";

  // Browsers give both only to pages that came over https or from this very machine.
  const stayAwake = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      await navigator.wakeLock.request("screen");
    } catch { /* refused, for instance while the battery is low: asked again when the page is seen again */ }
  };
  if (navigator.wakeLock) {
    stayAwake();
    document.addEventListener("visibilitychange", stayAwake); // a page that isn't seen has lost it
  }
  if (!navigator.serviceWorker) return;

  const parts = (page) => [...page.querySelectorAll("script[src], link[rel=stylesheet], link[rel=icon]")]
    .map((part) => new URL(part.getAttribute("src") ?? part.getAttribute("href"), location.href).href);

  // The page last: one that is kept has all that it is made of. What it isn't made of any more goes.
  const keep = async ({ answer, page }) => {
    const kept = await caches.open(KEPT);
    const needed = parts(page);
    for (const part of needed) {
      if (!(await kept.match(part))) await kept.add(part);
    }
    await kept.put(location.pathname, answer);
    for (const { url } of await kept.keys()) {
      if (new URL(url).pathname.startsWith("/static/") && !needed.includes(url)) await kept.delete(url);
    }
  };
  let keeping = Promise.resolve(); // one after the other, so that none takes away what another needs
  document.addEventListener("screen:fetched", ({ detail }) => {
    keeping = keeping.then(() => keep(detail)).catch(() => { /* no room or no connection: what was kept before stays */ });
  });

  const install = async () => {
    await navigator.serviceWorker.register("/worker.js");
    const kept = await caches.match(location.pathname, { cacheName: KEPT });
    // The copy of this page that is there may be of another version; not asked for by a whole chain at every boot.
    if ((await kept?.text())?.includes(look.id.split(".")[0])) return;
    await fetchPage();
  };
  addEventListener("load", () => install().catch(() => { /* the next load tries again */ }));
})();
