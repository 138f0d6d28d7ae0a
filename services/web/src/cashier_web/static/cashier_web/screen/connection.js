// The websocket of the screen's page. Nobody reloads this page by hand. Therefore the page tries forever to reconnect,
// and replaces a connection on which nothing arrives.
//
// htmx's websocket extension opens the socket, and reconnects after some close codes. This module reconnects after the
// other close codes, notices dead connections, and fetches new tickets.

import { CAP_MS, retryDelay } from "./backoff.js";
import { fetchPage } from "./fetch_page.js";
import { swapFragment } from "./fragment.js";

// The server sends more than two heartbeats in this time. After this time without any message, the page treats the
// connection as dead, even if the browser believes that the connection is open.
const SILENCE_MS = 1000 * Number(document.body.dataset.silence);
const HEARTBEAT = "pong";
const COMMAND_BEGINS = "{"; // All other messages are HTML or heartbeats.
// A server of version 0.1.0 sends no heartbeats. It only answers pings. The time is longer than the time between two
// heartbeats, so that a newer server usually gets no ping.
const PING_MS = 20_000;
const ANSWER_MS = 5_000; // Without an answer to a ping in this time, the page treats the connection as dead.
const CONNECT_MS = 10_000;
const RENEW_MS = 12 * 3_600_000; // A ticket is valid for a week.
const TICKET_REFUSED = 4410; // The ticket is no longer valid, and the screen may have moved to another page.
const FROZEN = 4000; // The page closes its socket with this code while its picture is frozen.
const REFUSED = 4400; // After this close code or a higher one, the page waits longer before it reconnects.
const HTMX_RECONNECTS_AFTER = [1006, 1011, 1012, 1013];

let address = document.body.dataset.websocket;
let socket = null; // the newest socket
let wrapper = null; // the object with which htmx's extension manages the socket
let attempts = 0; // how often the page has tried to reconnect since the last fragment
let refusals = 0; // how often the ticket was refused since the last fragment
let opened = 0; // how often a socket has opened
let isFrozen = false; // Nobody sees the calls of a frozen picture.
let connectTimer;
let silenceTimer;
let answerTimer;
let pingTimer;
let answersDue = 0; // how many pings of the page have no answer yet

// Shows the state of the connection, and stops all timers of the former state.
const setState = (state) => {
  document.body.dataset.connection = state;
  clearTimeout(connectTimer);
  clearTimeout(silenceTimer);
  clearTimeout(answerTimer);
  clearInterval(pingTimer);
};

// Sends a text to the server. Returns false, and sends nothing, if the page is not connected.
export const send = (text) => {
  if (!socket || socket.readyState !== WebSocket.OPEN) return false;
  socket.send(text);
  return true;
};

const openSocket = () => {
  socket = new WebSocket(new URL(address, location.href.replace(/^http/, "ws")));
  clearTimeout(connectTimer);
  // A socket that does not open in time is closed. The browser reports the close with code 1006, after which htmx
  // reconnects.
  connectTimer = setTimeout((slow) => slow.close(), CONNECT_MS, socket);
  return socket;
};

const reconnectLater = () => {
  if (!isFrozen) setTimeout(() => wrapper.reconnect(), retryDelay(attempts++));
};

// Stops using the connection and opens another one later. The browser would need minutes to close a dead connection, so
// the page does not wait for the close.
const abandon = () => {
  socket.onclose = socket.onerror = null;
  socket.close();
  setState("lost");
  reconnectLater();
};

const ping = () => {
  if (!send("ping")) return;
  answersDue += 1;
  clearTimeout(answerTimer);
  answerTimer = setTimeout(abandon, ANSWER_MS);
};

// Any message shows that the connection is alive.
const noteMessage = () => {
  clearTimeout(answerTimer);
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(abandon, SILENCE_MS);
};

// The server sends the same text as a heartbeat and as the answer to a ping. If the text arrives when no answer is due,
// the text is a heartbeat. Then the server needs no more pings on this connection.
const noteHeartbeat = () => {
  if (answersDue) answersDue -= 1;
  else clearInterval(pingTimer);
};

// Takes a new ticket from a fresh copy of the page. The page itself is not reloaded. If the server could not be reached
// during a reload, the browser would show its own error page forever.
const renewTicket = async () => {
  try {
    address = (await fetchPage())?.body.dataset.websocket ?? address;
  } catch {
    // The server cannot be reached. The page keeps its old ticket, and asks for a new ticket again later.
  }
};

const renewAndReconnect = async () => {
  await renewTicket();
  wrapper.reconnect();
};

const closeFrozen = () => {
  isFrozen = true;
  socket?.close(FROZEN, "no frames");
};

const handleThaw = () => {
  isFrozen = false;
  if (wrapper) reconnectLater();
};

const handleOpen = ({ detail }) => {
  wrapper = detail.socketWrapper;
  if (isFrozen) return closeFrozen();
  setState("open");
  if (opened++) socket.send("again"); // The server counts reconnects in its metrics.
  answersDue = 0;
  pingTimer = setInterval(ping, PING_MS);
  noteMessage();
};

const handleClose = ({ detail }) => {
  wrapper = detail.socketWrapper;
  setState("lost");
  const { code } = detail.event;
  if (code === TICKET_REFUSED && !refusals++) setTimeout(renewAndReconnect, retryDelay(attempts));
  else if (code >= REFUSED) setTimeout(renewAndReconnect, CAP_MS + retryDelay(attempts));
  else if (!HTMX_RECONNECTS_AFTER.includes(code)) reconnectLater();
};

const handleMessage = (event) => {
  const { message } = event.detail;
  noteMessage();
  if (message === HEARTBEAT) noteHeartbeat();
  if (message.startsWith(COMMAND_BEGINS)) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("screen:command", { detail: JSON.parse(message) }));
    return;
  }
  const isFragment = swapFragment(message);
  // Only a fragment resets the counters of attempts and refusals. An open socket is not enough, because the server also
  // opens a socket if it refuses the ticket.
  if (isFragment) attempts = refusals = 0;
  if (isFragment || message === HEARTBEAT) event.preventDefault(); // htmx handles all other HTML
};

const connect = () => {
  window.htmx.config.wsReconnectDelay = retryDelay;
  window.htmx.createWebSocket = openSocket;
  document.body.setAttribute("ws-connect", address);
};

export const startConnection = () => {
  document.addEventListener("htmx:wsOpen", handleOpen);
  document.addEventListener("htmx:wsClose", handleClose);
  document.addEventListener("htmx:wsBeforeMessage", handleMessage);
  document.addEventListener("screen:frozen", closeFrozen);
  document.addEventListener("screen:thawed", handleThaw);
  // If the network of the screen changes, the connection may be dead. A ping shows this sooner than the silence.
  addEventListener("offline", ping);
  addEventListener("online", ping);
  setInterval(renewTicket, RENEW_MS * (0.9 + 0.2 * Math.random()));
  // The event "screen:loaded" calls connect(), which sets the attribute `ws-connect`. watchdog.js dispatches the event
  // before htmx searches the page for this attribute. Therefore htmx finds the attribute and opens the socket.
  document.addEventListener("screen:loaded", connect);
};
