// The spoken clips. There is one file for each language, which contains the clip "Next customer" and then the clips of
// tills 1, 2, 3 and so on. The clips are stored encoded, because the decoded clips of one language would take 40 MB.

import { timeoutSignal } from "./timeout_signal.js";

const FETCH_MS = 20_000;
// The properties of an Ogg page: its first four bytes, the size of its header, and the flag of a stream's first page.
const OGG_MAGIC = 0x4f676753;
const OGG_HEADER = 27;
const OGG_FIRST_PAGE = 2;

const addresses = new Map(Object.entries(JSON.parse(document.body.dataset.voices))); // the URL of each language's file
const files = new Map(); // for each language, a promise of its clips, or of null if they cannot be fetched now

export const hasVoice = (language) => addresses.has(language);

// Splits the sound file of a language into its clips. Each clip is one Ogg stream, and the streams follow each other in
// the file.
const splitClips = (file) => {
  const view = new DataView(file);
  const starts = [];
  for (let at = 0; at < file.byteLength; ) {
    if (view.getUint32(at) !== OGG_MAGIC) throw new Error("this file is not a voice");
    if (view.getUint8(at + 5) & OGG_FIRST_PAGE) starts.push(at);
    const sizes = new Uint8Array(file, at + OGG_HEADER, view.getUint8(at + OGG_HEADER - 1));
    at += OGG_HEADER + sizes.length + sizes.reduce((sum, size) => sum + size, 0);
  }
  return starts.map((start, number) => file.slice(start, starts[number + 1]));
};

const fetchClips = async (language) => {
  try {
    const response = await fetch(addresses.get(language), { signal: timeoutSignal(FETCH_MS) });
    return splitClips(await response.arrayBuffer());
  } catch {
    files.delete(language); // The next call tries again.
    return null;
  }
};

// Returns a promise of the clips of `language`, or null if the language has no voice. The clips are fetched once. If
// the fetch fails, the next call of this function fetches the clips again.
export const fetchVoice = (language) => {
  if (!hasVoice(language)) return null;
  if (!files.has(language)) files.set(language, fetchClips(language));
  return files.get(language);
};
