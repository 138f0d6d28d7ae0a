// Between calls: the store's pictures and videos in turn. The stylesheet alone hides them, in the same frame in which a
// call is shown; this module only pauses them. No part of a call waits for anything here.

import { appearance } from "./appearance.js";
import { isCallShown } from "./fragment.js";

const TICK_MS = 250;
const FADE_MS = 1_500; // Somewhat longer than in the stylesheet; then the previous medium gives its memory back.
const LOAD_MS = 60_000; // A medium that takes longer to load is skipped,
const STALLED_MS = 10_000; // and so is a video that was playing and stands still.
const RETRY_MS = 15_000; // If no medium can be shown.

let media = []; // appearance.media
let mediaJson = "";
let round = 0; // A new round of preparing the next medium ends the round before it.
let isPreparing = false;
let isReady = false; // The slot at the back holds the next medium.
let shownMs = 0; // How long the front is shown; for a video, how long it stands still.
let lastPosition = 0; // of the video at the front, in seconds
let lastTick = performance.now();
let front;
let back;

// The page has two slots for as long as it lives, and one fades into the other. Each can show a picture or a video.
const createSlot = () => {
  const box = document.createElement("div");
  const picture = document.createElement("img");
  const video = document.createElement("video");
  picture.alt = "";
  video.muted = video.playsInline = true;
  video.preload = "auto";
  box.append(picture, video);
  document.getElementById("media").append(box);
  return { box, picture, video, medium: null };
};

const clearSlot = (slot) => {
  slot.medium = null;
  slot.picture.removeAttribute("src");
  if (!slot.video.hasAttribute("src")) return;
  slot.video.removeAttribute("src");
  slot.video.load(); // gives its buffers back
};

const canPlay = (video) =>
  new Promise((resolve, reject) => {
    video.oncanplay = resolve;
    video.onerror = reject;
  });

// Resolves when the medium can be shown; rejects if it cannot be shown, or not soon enough.
const fillSlot = (slot, medium) => {
  clearSlot(slot);
  slot.medium = medium;
  slot.picture.hidden = medium.kind !== "picture";
  slot.video.hidden = medium.kind !== "video";
  slot[medium.kind].src = medium.url;
  const loaded = medium.kind === "video" ? canPlay(slot.video) : slot.picture.decode();
  return Promise.race([loaded, new Promise((_, reject) => setTimeout(reject, LOAD_MS))]);
};

// Puts the next medium that can be shown into the slot at the back. The front stays as it is.
const prepareNext = async () => {
  const ownRound = ++round;
  const index = media.indexOf(front.medium);
  isPreparing = true;
  isReady = false;
  for (let step = 1; step <= media.length && !isReady; step++) {
    const next = media[(index + step) % media.length];
    if (next === front.medium) break;
    try {
      await fillSlot(back, next);
      isReady = true;
    } catch {
      // Skipped now, and tried again when its turn comes again.
    }
    if (ownRound !== round) return;
  }
  if (!isReady) clearSlot(back);
  isPreparing = false;
  if (!front.medium) tick();
};

const playOrPause = () => {
  const { medium, video } = front;
  if (medium?.kind !== "video") return;
  if (isCallShown()) video.pause();
  else if (!video.ended) video.play().catch(() => {}); // tick() notices a video that stands still.
};

const showNext = () => {
  [front, back] = [back, front];
  front.box.className = "front";
  back.box.className = "";
  back.video.pause();
  front.video.loop = media.length === 1;
  isReady = false;
  isPreparing = true; // as soon as the previous medium has faded
  shownMs = 0;
  document.body.dataset.media = "";
  playOrPause();
  setTimeout((begun) => begun === round && prepareNext(), FADE_MS, round);
};

const isOver = () => {
  if (!front.medium) return isReady || shownMs >= RETRY_MS;
  if (front.medium.kind === "picture") return shownMs >= front.medium.seconds * 1000;
  return front.video.ended || front.video.error || shownMs >= STALLED_MS;
};

const tick = () => {
  const now = performance.now();
  const passed = now - lastTick;
  lastTick = now;
  if (isCallShown() || !media.length) return;
  shownMs += passed;
  if (front.medium?.kind === "video" && front.video.currentTime !== lastPosition) {
    lastPosition = front.video.currentTime;
    shownMs = 0;
  }
  if (!isOver()) return;
  if (isReady) return showNext();
  if (isPreparing) return;
  // No other medium can be shown now: show the same one again, and try the others again.
  shownMs = 0;
  if (front.medium?.kind === "video") front.video.currentTime = 0;
  playOrPause();
  prepareNext();
};

const applyMedia = () => {
  const json = JSON.stringify(appearance.media);
  if (json === mediaJson) return;
  mediaJson = json;
  media = appearance.media;
  front.medium = media.find((medium) => medium.url === front.medium?.url) ?? null; // continues where it is
  front.video.loop = media.length === 1;
  if (!front.medium) {
    clearSlot(front);
    delete document.body.dataset.media;
  }
  clearSlot(back);
  prepareNext();
};

export const startMedia = () => {
  front = createSlot();
  back = createSlot();
  document.addEventListener("screen:shown", playOrPause);
  document.addEventListener("screen:appearance", applyMedia);
  setInterval(tick, TICK_MS);
  applyMedia();
};
