// The sound of a call: a chime, and then a voice in the language of the call. The sound never delays the number. If the
// voice would start too late, it is left out, because a late voice is worse than none.

import { appearance } from "./appearance.js";
import { currentFragment } from "./fragment.js";
import { fetchVoice, hasVoice } from "./voices.js";

const CHIME = [
  { after: 0, hertz: 784 },
  { after: 0.24, hertz: 587 },
];
const TONE_S = 0.36;
const ATTACK_S = 0.01;
const TONE_GAIN = 0.4; // as loud as the voice
const VOICE_AFTER_S = 0.6;
const LATE_S = 0.5;
const FADE_S = 0.02; // A shorter fade is heard as a click.
const EARLY_MS = 250; // If a number disappears so long before the end of its hold, the call was cancelled.
// The page forgets which seq it has played if a fragment without a call is shown more than a second after the end of
// the hold. After this second, a new call may have the same seq, because Redis counts from 1 again if it has lost its
// data.
const FORGOTTEN_MS = 1_000;
const ASK_AFTER_MS = 5_000; // An audio context that is allowed to start needs some time to start.
const ASK_MS = 60_000;
const ASKED_KEY = "sound-asked";
const CHECK_MS = 10_000;
const SURE_MS = 1_000; // A clock that works moves on within this time.
const MOST_SKIPPED = 60; // A broken context is replaced after at most this many checks, which take ten minutes.

const button = document.getElementById("sound");
let context;
let compressor;
let volume;
let playing = null; // the call that is heard, or was heard last: { gain, sources }
let playedSeq = null; // the seq of the call that was played last
let holdEndsAt = 0; // performance.now() at which the hold ends
let shownAt = 0; // performance.now() at which the current fragment was shown
let hasFailed = false; // The browser has reported that the context has failed.
let checked; // the state of the audio clock at the last check: { at: performance.now(), time: in seconds }
let skipped = 0; // the number of checks since the context was replaced
let mostSkipped = 0; // the number of checks to skip before the context is replaced again
let checks; // the timer of the checks

// Returns `language` if there is a voice for it, otherwise the store's language.
const voiceLanguage = (language) => (hasVoice(language) ? language : appearance.waiting[0].language);

// Returns the decoded clip in which a voice says the till's number `digits` in `language`. If there is no such clip,
// returns the clip "Next customer". Returns null if no clip can be loaded.
const decodeClip = async (language, digits) => {
  try {
    const clips = await fetchVoice(voiceLanguage(language));
    const clip = clips[hasVoice(language) ? Number(digits) : 0] ?? clips[0];
    return await context.decodeAudioData(clip.slice()); // a copy, because decoding empties the buffer
  } catch {
    return null;
  }
};

const playTone = (call, hertz, at) => {
  const tone = new OscillatorNode(context, { frequency: hertz });
  const envelope = new GainNode(context, { gain: 0 });
  envelope.gain.setValueAtTime(0, at);
  envelope.gain.linearRampToValueAtTime(TONE_GAIN, at + ATTACK_S);
  envelope.gain.exponentialRampToValueAtTime(0.001, at + TONE_S);
  envelope.connect(call.gain);
  tone.connect(envelope);
  tone.start(at);
  tone.stop(at + TONE_S);
  call.sources.push(tone);
};

const stopPlaying = () => {
  if (!playing) return;
  const now = context.currentTime;
  playing.gain.gain.setValueAtTime(1, now);
  playing.gain.gain.linearRampToValueAtTime(0, now + FADE_S);
  for (const source of playing.sources) source.stop(now + FADE_S); // A source that has not started yet never starts.
  playing = null;
};

const play = async (language, digits) => {
  stopPlaying();
  const call = { gain: new GainNode(context), sources: [] };
  playing = call;
  const start = context.currentTime + FADE_S;
  call.gain.connect(compressor);
  for (const { after, hertz } of CHIME) playTone(call, hertz, start + after);
  const buffer = await decodeClip(language, digits);
  const due = Math.max(start + VOICE_AFTER_S, context.currentTime);
  if (!buffer || call !== playing || due > start + VOICE_AFTER_S + LATE_S) return;
  const voice = new AudioBufferSourceNode(context, { buffer });
  voice.connect(call.gain);
  voice.start(due);
  call.sources.push(voice);
};

const resume = () =>
  context.resume().catch(() => {
    // The audio context cannot start, because there is no loudspeaker. Calls then have no sound.
  });

// Returns "on" if the browser plays sound, "off" if the screen should have no sound, and "blocked" if it should have
// sound, but the browser plays none.
export const soundState = () => {
  if (!appearance.volume) return "off";
  return context?.state === "running" && !isBroken() ? "on" : "blocked";
};

// Plays the sound of a call that belongs to no till.
export const playTest = () => {
  if (soundState() === "on") play(appearance.waiting[0].language, "0");
};

const noteShown = () => {
  shownAt = performance.now();
};

const followFragment = () => {
  const { lang, dataset } = currentFragment();
  const { numCashier, seq, digits, holdMs } = dataset;
  if (!numCashier) {
    if (shownAt < holdEndsAt - EARLY_MS) stopPlaying();
    if (shownAt > holdEndsAt + FORGOTTEN_MS) playedSeq = null;
    return;
  }
  holdEndsAt = shownAt + Number(holdMs);
  if (seq === playedSeq || !appearance.volume) return;
  // As soon as the new audio context is running, its event `statechange` calls this function again.
  if (isBroken()) return replaceContext();
  if (context.state === "running") {
    playedSeq = seq;
    play(lang, digits);
  } else if (playedSeq) {
    resume(); // The context was running at an earlier call, so the loudspeaker has been missing since.
  }
};

const applyVolume = () => {
  volume.gain.value = (appearance.volume / 100) ** 2; // 50 sounds half as loud as 100
  if (appearance.volume) fetchVoice(voiceLanguage(appearance.waiting[0].language));
};

// Shows a button that asks for a touch, once per session. Except on a kiosk, browsers play no sound before somebody has
// touched the page.
const askForTouch = () => {
  if (context.state === "running" || !appearance.volume) return;
  try {
    if (sessionStorage.getItem(ASKED_KEY)) return;
    sessionStorage.setItem(ASKED_KEY, "yes");
  } catch {
    // The page cannot use the browser's storage. Therefore the page asks for a touch after each reload.
  }
  button.hidden = false;
  setTimeout(() => {
    button.hidden = true;
  }, ASK_MS);
};

const handleTouch = () => {
  button.hidden = true;
  if (context.state !== "running") resume();
};

const createContext = () => {
  context = new AudioContext();
  compressor = new DynamicsCompressorNode(context, { threshold: -24, ratio: 4, release: 0.15 });
  volume = new GainNode(context);
  compressor.connect(volume).connect(context.destination);
  hasFailed = false;
  checked = { at: performance.now(), time: 0 };
  context.addEventListener("statechange", ({ target }) => {
    if (target !== context) return;
    if (context.state === "running") button.hidden = true;
    followFragment(); // A number may be shown already.
  });
  context.addEventListener("error", ({ target }) => {
    if (target === context) hasFailed = true;
  });
  clearInterval(checks);
  checks = setInterval(checkClock, CHECK_MS);
};

// Returns whether the audio context can play no sound any more. If the audio system of the computer has restarted, some
// browsers report an error. In others the context is still "running", but its clock stands still.
const isBroken = () =>
  hasFailed ||
  context.state === "closed" ||
  (context.state === "running" && context.currentTime === checked.time && performance.now() - checked.at > SURE_MS);

// Replaces a broken audio context by a new one. The browser connects the new context to the new audio system.
const replaceContext = () => {
  skipped = 0;
  mostSkipped = Math.min(2 * mostSkipped + 1, MOST_SKIPPED);
  playing = null;
  context.close().catch(() => {
    // The promise is rejected if the broken audio context is already closed.
  });
  try {
    createContext();
    applyVolume();
  } catch {
    // The browser cannot create an audio context now. A later check tries again.
  }
};

// Checks whether the audio context is broken, and replaces a broken context. If the new context is broken, too, the
// time until the next replacement doubles, up to ten minutes.
const checkClock = () => {
  const needsReplacement = isBroken();
  checked = { at: performance.now(), time: context.currentTime };
  if (!needsReplacement) mostSkipped = 0;
  else if (skipped >= mostSkipped) replaceContext();
  else skipped += 1;
};

export const startSound = () => {
  try {
    createContext();
  } catch {
    return; // This browser has no sound.
  }
  applyVolume();
  document.addEventListener("screen:shown", noteShown);
  document.addEventListener("screen:painted", followFragment);
  document.addEventListener("screen:appearance", applyVolume);
  addEventListener("click", handleTouch);
  addEventListener("keydown", handleTouch);
  setTimeout(askForTouch, ASK_AFTER_MS);
};
