// A screen on a wall: nobody will ever reload it, so it reconnects for ever and never leaves a stale number up.
"use strict";
(() => {
  const HEARTBEAT_MS = 15_000; // a browser can't see the server's pings, so it asks by itself
  const ANSWER_MS = 5_000; // without an answer the connection is dead, whatever the browser still thinks
  const CONNECT_MS = 10_000;
  const FRAME_MS = 250; // in which even a slow computer paints, if it paints at all
  const GRACE_MS = 500; // after the end of a hold, for the repaint that the server owes
  const RENEW_MS = 12 * 3_600_000; // a ticket is good for a week
  const BASE_MS = 2_000, CAP_MS = 10_000; // full jitter: a chain's screens must not come back all at once
  const GONE = 4410; // this ticket is good no more, and another page may be this screen's now
  const HTMX_RECONNECTS_AFTER = [1006, 1011, 1012, 1013];

  let address = document.body.dataset.websocket;
  let socket = null; // the newest one
  let wrapper = null; // what htmx's ws extension keeps around it
  let attempts = 0;
  let refusals = 0; // of the ticket, one after the other
  let opened = 0;
  let backstop, heartbeat, answer, connecting;
  let frame, noFrame = null; // after which what is shown is painted, or nothing will be

  const delay = (attempt) => Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);

  // A fresh copy of this page, or null when the server can't give one.
  window.fetchPage = async () => {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(CONNECT_MS) });
    if (!answer.ok) return null;
    // Moved to another store, or revoked: left at once, and only for a page that has just been seen to be there.
    if (new URL(answer.url).pathname !== location.pathname) {
      location.replace(answer.url);
      return null;
    }
    const copy = answer.clone();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.dispatchEvent(new CustomEvent("screen:fetched", { detail: { answer: copy, page } }));
    return page;
  };

  let isPartLost = false;
  addEventListener("error", ({ target }) => { isPartLost ||= target.localName === "script"; }, { capture: true });

  // This file comes first and by itself, to notice when another was lost on the way: then the page is loaded
  // again, as soon as it can be. Without this file nothing connects, so that no number comes up that nobody takes down.
  const loadAgain = async () => {
    try {
      if (await fetchPage()) return location.reload();
    } catch { /* no connection: the next attempt comes */ }
    loadAgainLater();
  };
  const loadAgainLater = () => setTimeout(loadAgain, BASE_MS + delay(attempts++));

  const connect = () => {
    const styles = [...document.querySelectorAll("link[rel=stylesheet]")];
    if (isPartLost || styles.some((style) => !style.sheet)) return loadAgainLater();
    htmx.config.wsReconnectDelay = delay;
    htmx.createWebSocket = () => {
      socket = new WebSocket(new URL(address, location.href.replace(/^http/, "ws")));
      clearTimeout(connecting);
      // Closing one that doesn't open is reported as 1006, after which the extension tries again.
      connecting = setTimeout((slow) => slow.close(), CONNECT_MS, socket);
      return socket;
    };
    document.body.setAttribute("ws-connect", address);
  };
  // Registered before htmx's own listener, which then finds the attribute.
  document.addEventListener("DOMContentLoaded", connect);

  const setConnection = (state) => {
    document.body.dataset.connection = state;
    clearTimeout(connecting);
    clearTimeout(answer);
    clearInterval(heartbeat);
  };

  const reconnectLater = () => setTimeout(() => wrapper.reconnect(), delay(attempts++));

  // A dead connection takes the browser minutes to close; leave it behind and open another.
  const abandon = () => {
    socket.onclose = socket.onerror = null;
    socket.close();
    setConnection("lost");
    reconnectLater();
  };

  const beat = () => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send("ping");
    clearTimeout(answer);
    answer = setTimeout(abandon, ANSWER_MS);
  };

  // The server doesn't know this page's ticket any more: take a new one from a fresh copy of the page. The page
  // itself is never left, because behind a reload could be the browser's own error page, for ever.
  const renew = async () => {
    try {
      address = (await fetchPage())?.body.dataset.websocket ?? address;
    } catch { /* no connection either: the next attempt comes */ }
  };
  const renewAndReconnect = async () => {
    await renew();
    wrapper.reconnect();
  };
  setInterval(renew, RENEW_MS * (0.9 + 0.2 * Math.random()));

  // What belongs to the picture follows "screen:shown"; all else waits for "screen:painted", because a slow computer
  // would keep the number from the screen for as long as its motion and its sound take to begin. Where no frame comes,
  // on a page that is hidden or a display that sleeps, it is not waited for.
  const shown = () => {
    document.dispatchEvent(new CustomEvent("screen:shown"));
    noFrame ??= setTimeout(painted, FRAME_MS);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => { frame = requestAnimationFrame(painted); });
  };
  const painted = () => {
    cancelAnimationFrame(frame);
    clearTimeout(noFrame);
    noFrame = null;
    document.getElementById("message").dataset.moves = "";
    document.dispatchEvent(new CustomEvent("screen:painted"));
  };

  const showWaiting = () => {
    const message = document.getElementById("message");
    const waiting = document.createElement("span");
    waiting.className = "waiting";
    waiting.textContent = message.dataset.waiting;
    message.lang = message.dataset.waitingLang;
    message.dir = message.dataset.waitingDir;
    delete message.dataset.numCashier;
    message.replaceChildren(waiting);
    shown();
  };

  document.addEventListener("htmx:wsOpen", (event) => {
    wrapper = event.detail.socketWrapper;
    setConnection("open");
    if (opened++) socket.send("again"); // for the operator's figures
    heartbeat = setInterval(beat, HEARTBEAT_MS);
  });

  document.addEventListener("htmx:wsClose", (event) => {
    wrapper = event.detail.socketWrapper;
    setConnection("lost");
    const code = event.detail.event.code;
    if (code === GONE && !refusals++) setTimeout(renewAndReconnect, delay(attempts));
    else if (code >= 4400) setTimeout(renewAndReconnect, CAP_MS + delay(attempts));
    else if (!HTMX_RECONNECTS_AFTER.includes(code)) reconnectLater();
  });

  // As htmx's out-of-band swap does, which is made for any fragment and is slow on a slow computer. One that isn't a
  // message, it may have.
  const swap = (fragment) => {
    const template = document.createElement("template");
    template.innerHTML = fragment;
    const message = template.content.getElementById("message");
    if (message) document.getElementById("message").replaceWith(message);
    return Boolean(message);
  };

  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    clearTimeout(answer); // whatever came, the connection lives
    const isMessage = swap(event.detail.message);
    if (isMessage || event.detail.message === "pong") event.preventDefault();
    if (!isMessage) return;
    attempts = refusals = 0; // only now: a socket is opened for a refusal, too
    clearTimeout(backstop);
    const { numCashier, holdMs } = document.getElementById("message").dataset;
    if (numCashier) backstop = setTimeout(showWaiting, Number(holdMs) + GRACE_MS);
    shown(); // last: whatever becomes of what listens, the number comes down
  });

  addEventListener("offline", beat);
  addEventListener("online", beat);
})();
