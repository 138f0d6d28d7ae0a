// The service worker of the screen's page, which web serves as /worker.js. With it, a screen can boot while the server
// cannot be reached: the screen says "Please wait", and connects when the server is back. The service worker
// handles only requests for the pages of screens and their parts. It uses the copies that offline_copy.js has stored.

const CACHE = "screen"; // offline_copy.js uses the same name
const SILENT_SERVER_MS = 5_000;
const PAIR = "/pair";
// A server that is overloaded or fails answers with one of these statuses. Its answer is not the page that was asked for,
// so a stored copy is better.
const isTemporary = ({ status }) => status === 408 || status === 429 || status >= 500;
const isScreen = ({ pathname }) => pathname === "/" || /^\/s\/[^/]+\/$/.test(pathname);

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

const silentServer = () => new Promise((resolve) => setTimeout(resolve, SILENT_SERVER_MS, null));

// A paired television opens /pair when it starts, and the server redirects the television to the page of its screen. If
// the server cannot be reached, this function redirects the television to the screen page that was stored last.
const redirectToLastScreen = async () => {
  const kept = await (await caches.open(CACHE)).keys();
  const screens = kept.map(({ url }) => new URL(url)).filter(isScreen);
  return screens.length ? Response.redirect(screens[screens.length - 1]) : null;
};

const answerPage = async (request) => {
  const asked = fetch(request).catch(() => null);
  const response = await Promise.race([asked, silentServer()]);
  if (response && !isTemporary(response)) return response;
  const { pathname } = new URL(request.url);
  const kept = await (pathname === PAIR ? redirectToLastScreen() : caches.match(pathname, { cacheName: CACHE }));
  return kept ?? (await asked) ?? Response.error();
};

const answerPart = async (request) => (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin || request.method !== "GET") return;
  if (request.mode === "navigate" && (isScreen(url) || url.pathname === PAIR)) event.respondWith(answerPage(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(answerPart(request));
});
