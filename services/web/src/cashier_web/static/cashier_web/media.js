// Between calls: the store's pictures and videos in turn. A call hides them by CSS alone, in the frame in which it
// comes; here they only stand still meanwhile. Nothing of a call waits for anything here.
"use strict";
(() => {
  const TICK_MS = 250;
  const FADE_MS = 1_500; // somewhat longer than the stylesheet's, after which the one before gives its memory back
  const LOAD_MS = 60_000; // what takes longer is skipped
  const STILL_MS = 10_000; // and so is a video that has begun and stands still
  const AGAIN_MS = 15_000; // when there is none that can be shown

  const layer = document.getElementById("media");
  let media = []; // as in window.look
  let known = ""; // the same in JSON
  let round = 0; // of looking for the next one: a new look ends the one that is under way
  let isLooking = false;
  let isReady = false; // the next one, at the back
  let shownMs = 0; // the one in front; of a video: standing still
  let seconds = 0; // where that video was
  let last = performance.now();

  const isUp = () => "numCashier" in document.getElementById("message").dataset;

  // Two places for as long as the page lives, of which one fades into the other. Each can show both kinds.
  const [one, other] = ["one", "other"].map(() => {
    const box = document.createElement("div");
    const picture = document.createElement("img");
    const video = document.createElement("video");
    picture.alt = "";
    video.muted = video.playsInline = true;
    video.preload = "auto";
    box.append(picture, video);
    layer.append(box);
    return { box, picture, video, medium: null };
  });
  let front = one, back = other;

  const clear = (place) => {
    place.medium = null;
    place.picture.removeAttribute("src");
    if (!place.video.hasAttribute("src")) return;
    place.video.removeAttribute("src");
    place.video.load(); // which gives its buffers back
  };

  const playable = (video) => new Promise((resolve, reject) => {
    video.oncanplay = resolve;
    video.onerror = reject;
  });

  // Resolves when it could be shown, rejects when it can't.
  const fill = (place, medium) => {
    clear(place);
    place.medium = medium;
    place.picture.hidden = medium.kind !== "picture";
    place.video.hidden = medium.kind !== "video";
    place[medium.kind].src = medium.url;
    const loaded = medium.kind === "video" ? playable(place.video) : place.picture.decode();
    return Promise.race([loaded, new Promise((_, reject) => setTimeout(reject, LOAD_MS))]);
  };

  // The next one that can be shown goes to the back; the one in front stays meanwhile.
  const prepare = async () => {
    const mine = ++round;
    const at = media.indexOf(front.medium);
    isLooking = true;
    isReady = false;
    for (let step = 1; step <= media.length && !isReady; step++) {
      const next = media[(at + step) % media.length];
      if (next === front.medium) break;
      try {
        await fill(back, next);
        isReady = true;
      } catch { /* skipped: tried again when it is its turn again */ }
      if (mine !== round) return;
    }
    if (!isReady) clear(back);
    isLooking = false;
    if (!front.medium) tick();
  };

  const play = () => {
    const { medium, video } = front;
    if (medium?.kind !== "video") return;
    if (isUp()) video.pause();
    else if (!video.ended) video.play().catch(() => {}); // one that doesn't is noticed by its standing still
  };

  const show = () => {
    [front, back] = [back, front];
    front.box.className = "front";
    back.box.className = "";
    back.video.pause();
    front.video.loop = media.length === 1;
    isReady = false;
    isLooking = true; // as soon as that has faded
    shownMs = 0;
    document.body.dataset.media = "";
    play();
    setTimeout((begun) => begun === round && prepare(), FADE_MS, round);
  };

  const isOver = () => {
    if (!front.medium) return isReady || shownMs >= AGAIN_MS;
    if (front.medium.kind === "picture") return shownMs >= front.medium.seconds * 1000;
    return front.video.ended || front.video.error || shownMs >= STILL_MS;
  };

  const tick = () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    if (isUp() || !media.length) return;
    shownMs += passed;
    if (front.medium?.kind === "video" && front.video.currentTime !== seconds) {
      seconds = front.video.currentTime;
      shownMs = 0;
    }
    if (!isOver()) return;
    if (isReady) return show();
    if (isLooking) return;
    // Nothing else can be shown now: the same once more, and another look for the others.
    shownMs = 0;
    if (front.medium?.kind === "video") front.video.currentTime = 0;
    play();
    prepare();
  };

  const takeUp = () => {
    const told = JSON.stringify(look.media);
    if (told === known) return;
    known = told;
    media = look.media;
    front.medium = media.find((medium) => medium.url === front.medium?.url) ?? null; // goes on where it is
    front.video.loop = media.length === 1;
    if (!front.medium) {
      clear(front);
      delete document.body.dataset.media;
    }
    clear(back);
    prepare();
  };

  document.addEventListener("screen:shown", play);
  document.addEventListener("screen:look", takeUp);
  setInterval(tick, TICK_MS);
  takeUp();
})();
