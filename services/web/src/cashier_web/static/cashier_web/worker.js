// The screen's service worker: what lets a screen that boots before its server show "Please wait" and find its way. It
// answers only for screens' pages and what they are made of, and only with what installation.js has kept.
"use strict";
const KEPT = "screen";
const PATIENCE_MS = 5_000; // with a server that says nothing
const PAIR = "/pair";
const isScreen = ({ pathname }) => pathname === "/" || /^\/s\/[^/]+\/$/.test(pathname);

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

const away = () => new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));

// The screen that was kept last. A television that was paired starts at /pair, from where its server would lead it on.
const lastScreen = async () => {
  const kept = await (await caches.open(KEPT)).keys();
  const last = kept.map(({ url }) => new URL(url)).filter(isScreen).at(-1);
  return last && Response.redirect(last);
};

const page = async (request) => {
  const asked = fetch(request).catch(() => null);
  const answer = await Promise.race([asked, away()]);
  if (answer && answer.status < 500) return answer;
  const { pathname } = new URL(request.url);
  const kept = pathname === PAIR ? await lastScreen() : await caches.match(pathname, { cacheName: KEPT });
  return kept ?? (await asked) ?? Response.error();
};

const part = async (request) => (await caches.match(request, { cacheName: KEPT })) ?? fetch(request);

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin || request.method !== "GET") return;
  if (request.mode === "navigate" && (isScreen(url) || url.pathname === PAIR)) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(part(request));
});
