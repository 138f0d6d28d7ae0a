// Shows the store's pictures and videos between calls, one after the other. When a call is shown, the stylesheet hides
// the pictures and videos at the same moment, and this module only pauses the video. Therefore this module cannot delay
// a call.

import { appearance } from "./appearance.js";
import { isCallShown } from "./fragment.js";

const TICK_MS = 250;
const FADE_MS = 1_500; // Longer than the transition in the stylesheet. After this time the previous medium is unloaded.
const LOAD_MS = 60_000; // A medium that takes longer to load is skipped.
const STALLED_MS = 10_000; // A video that stands still for this long is skipped.
const RETRY_MS = 15_000; // If no medium can be shown, all media are tried again after this time.

let media = []; // appearance.media
let mediaJson = "";
let round = 0; // Counts the calls of prepareNext(). A new call ends an earlier call that is still running.
let isPreparing = false;
let isReady = false; // The slot at the back holds the next medium.
let shownMs = 0; // How long the picture at the front is shown, or how long the video at the front has stood still.
let lastPosition = 0; // the last known position of the video at the front, in seconds
let lastTick = performance.now();
let front;
let back;

// Creates a slot, which can show a picture or a video. The page has two slots. While the slot at the front is shown,
// the slot at the back loads the next medium.
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
  slot.video.load(); // frees the memory of the video
};

const canPlay = (video) =>
  new Promise((resolve, reject) => {
    video.oncanplay = resolve;
    video.onerror = reject;
  });

// Loads a medium into a slot, which is an element for one picture or video. The returned promise resolves when the
// medium can be shown. The promise rejects if the medium cannot be shown or takes too long to load.
const fillSlot = (slot, medium) => {
  clearSlot(slot);
  slot.medium = medium;
  slot.picture.hidden = medium.kind !== "picture";
  slot.video.hidden = medium.kind !== "video";
  slot[medium.kind].src = medium.url;
  const loaded = medium.kind === "video" ? canPlay(slot.video) : slot.picture.decode();
  return Promise.race([loaded, new Promise((_, reject) => setTimeout(reject, LOAD_MS))]);
};

// Loads the next medium that can be shown into the slot `back`, which is the hidden one of the page's two slots for
// media. The visible slot `front` does not change.
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
      // This medium cannot be shown now, so it is skipped. It is tried again after the other media.
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
  isPreparing = true; // prepareNext() runs after FADE_MS, when the previous medium is no longer visible.
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
  // The medium was shown for its whole time, and no other medium can be shown now. Show the same medium again, and
  // meanwhile try to load the other media again.
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
  // If the new list of media contains the medium that is shown, this medium continues without a break.
  front.medium = media.find((medium) => medium.url === front.medium?.url) ?? null;
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
