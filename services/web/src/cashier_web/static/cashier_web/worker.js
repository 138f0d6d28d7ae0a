// The screen's service worker: what lets a screen that boots before its server show "Please wait" and find its way. It
// answers only for screens' pages and what they are made of, and only with what installation.js has kept.
"use strict";
const KEPT = "screen";
const PATIENCE_MS = 5_000; // with a server that says nothing
const isScreen = ({ pathname }) => pathname === "/" || /^\/s\/[^/]+\/$/.test(pathname);

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

const away = () => new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));

const page = async (request) => {
  const asked = fetch(request).catch(() => null);
  const answer = await Promise.race([asked, away()]);
  if (answer && answer.status < 500) return answer;
  const kept = await caches.match(new URL(request.url).pathname, { cacheName: KEPT });
  return kept ?? (await asked) ?? Response.error();
};

const part = async (request) => (await caches.match(request, { cacheName: KEPT })) ?? fetch(request);

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin || request.method !== "GET") return;
  if (request.mode === "navigate" && isScreen(url)) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(part(request));
});
