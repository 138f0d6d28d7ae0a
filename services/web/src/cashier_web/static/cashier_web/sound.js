// The sound of a call: a chime, and then a voice in the call's language. It never holds up the number, and what can't be
// said in time is not said: a late voice is worse than none.
"use strict";
(() => {
  const CHIME = [{ after: 0, hertz: 784 }, { after: 0.24, hertz: 587 }];
  const TONE_S = 0.36;
  const ATTACK_S = 0.01;
  const TONE_GAIN = 0.4; // as loud as the voice
  const VOICE_AFTER_S = 0.6;
  const LATE_S = 0.5;
  const FADE_S = 0.02; // less is heard as a click
  const EARLY_MS = 250; // a number that leaves so long before its end was taken away
  const FORGOTTEN_MS = 1_000; // a Redis that was emptied counts from 1 again
  const FETCH_MS = 20_000;
  const ASK_AFTER_MS = 5_000; // a context that may start needs some time to do so
  const ASK_MS = 60_000;
  const ASKED = "sound-asked";
  const OGG = 0x4f676753, HEADER = 27, FIRST = 2; // of a page; its size; the flag of a stream's first one
  const voices = JSON.parse(document.body.dataset.voices); // addresses by language
  const button = document.getElementById("sound");
  const files = new Map(); // promises of a language's clips, null if there are none just now
  let context, compressor, volume;
  let heard = null; // the call that is heard, or was the last
  let sounded = null; // its seq
  let ends = 0; // of its hold
  let shown = 0; // when what is up came

  // The store's, for a language that has no voice.
  const voiceOf = (language) => (language in voices ? language : look.waiting[0].language);

  // "Next customer" and the tills from 1, one after the other in a file: Ogg streams, each of which begins with a page
  // that says so. Kept as they are; decoded, a language would take 40 MB.
  const clipsIn = (file) => {
    const view = new DataView(file);
    const starts = [];
    for (let at = 0; at < file.byteLength;) {
      if (view.getUint32(at) !== OGG) throw new Error("not a voice");
      if (view.getUint8(at + 5) & FIRST) starts.push(at);
      const sizes = new Uint8Array(file, at + HEADER, view.getUint8(at + HEADER - 1));
      at += HEADER + sizes.length + sizes.reduce((sum, size) => sum + size, 0);
    }
    return starts.map((start, number) => file.slice(start, starts[number + 1]));
  };

  const fetchClips = async (language) => {
    try {
      const answer = await fetch(voices[language], { signal: AbortSignal.timeout(FETCH_MS) });
      return clipsIn(await answer.arrayBuffer());
    } catch {
      files.delete(language); // the next call tries again
      return null;
    }
  };

  const clipsOf = (language) => {
    if (!(language in voices)) return null;
    if (!files.has(language)) files.set(language, fetchClips(language));
    return files.get(language);
  };

  const decode = async (language, digits) => {
    try {
      const clips = await clipsOf(voiceOf(language));
      const clip = clips[language in voices ? Number(digits) : 0] ?? clips[0];
      return await context.decodeAudioData(clip.slice()); // which takes it away
    } catch {
      return null;
    }
  };

  const ring = (call, hertz, at) => {
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

  const hush = () => {
    if (!heard) return;
    const now = context.currentTime;
    heard.gain.gain.setValueAtTime(1, now);
    heard.gain.gain.linearRampToValueAtTime(0, now + FADE_S);
    for (const source of heard.sources) source.stop(now + FADE_S); // of what is to come, too: it never begins
    heard = null;
  };

  const sound = async (language, digits) => {
    hush();
    const call = heard = { gain: new GainNode(context), sources: [] };
    const at = context.currentTime + FADE_S;
    call.gain.connect(compressor);
    for (const { after, hertz } of CHIME) ring(call, hertz, at + after);
    const buffer = await decode(language, digits);
    const due = Math.max(at + VOICE_AFTER_S, context.currentTime);
    if (!buffer || call !== heard || due > at + VOICE_AFTER_S + LATE_S) return;
    const voice = new AudioBufferSourceNode(context, { buffer });
    voice.connect(call.gain);
    voice.start(due);
    call.sources.push(voice);
  };

  const note = () => { shown = performance.now(); };

  const listen = () => {
    const { lang, dataset: { numCashier, seq, digits, holdMs } } = document.getElementById("message");
    if (!numCashier) {
      if (shown < ends - EARLY_MS) hush();
      if (shown > ends + FORGOTTEN_MS) sounded = null;
      return;
    }
    ends = shown + Number(holdMs);
    if (seq === sounded || !look.volume) return;
    if (context.state === "running") {
      sounded = seq;
      sound(lang, digits);
    } else if (sounded) resume(); // it was running: the loudspeaker was away
  };

  const takeUp = () => {
    volume.gain.value = (look.volume / 100) ** 2; // at 50 half as loud to the ear
    if (look.volume) clipsOf(voiceOf(look.waiting[0].language));
  };

  const resume = () => context.resume().catch(() => { /* no loudspeaker */ });

  // A browser that isn't a kiosk's plays nothing before a touch, of whatever it be.
  const ask = () => {
    if (context.state === "running" || !look.volume) return;
    try {
      if (sessionStorage.getItem(ASKED)) return;
      sessionStorage.setItem(ASKED, "yes");
    } catch { /* no storage: asked again when the page is loaded again */ }
    button.hidden = false;
    setTimeout(() => { button.hidden = true; }, ASK_MS);
  };
  const allow = () => {
    button.hidden = true;
    if (context.state !== "running") resume();
  };

  try {
    context = new AudioContext();
    compressor = new DynamicsCompressorNode(context, { threshold: -24, ratio: 4, release: 0.15 });
    volume = new GainNode(context);
    compressor.connect(volume).connect(context.destination);
    takeUp();
  } catch {
    return; // a browser without sound, or a look that didn't come
  }
  context.addEventListener("statechange", () => {
    if (context.state === "running") button.hidden = true;
    listen(); // a number may be up already
  });
  document.addEventListener("screen:shown", note);
  document.addEventListener("screen:painted", listen);
  document.addEventListener("screen:look", takeUp);
  addEventListener("click", allow);
  addEventListener("keydown", allow);
  setTimeout(ask, ASK_AFTER_MS);
})();
