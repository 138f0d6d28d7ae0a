// The spoken clips: one file for each language, which holds "Next customer" and then the tills from 1 on. The clips stay
// encoded: decoded, one language would take 40 MB.

import { timeoutSignal } from "./timeout_signal.js";

const FETCH_MS = 20_000;
// Of an Ogg page: how it begins, the size of its header, and the flag of the first page of a stream.
const OGG_MAGIC = 0x4f676753;
const OGG_HEADER = 27;
const OGG_FIRST_PAGE = 2;

const addresses = new Map(Object.entries(JSON.parse(document.body.dataset.voices))); // by language
const files = new Map(); // by language: a promise of its clips, or of null if they cannot be fetched now

export const hasVoice = (language) => addresses.has(language);

// Each clip is an Ogg stream, and they follow each other in the file.
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

// Fetches the clips of a language that has a voice; each language is fetched once.
export const fetchVoice = (language) => {
  if (!hasVoice(language)) return null;
  if (!files.has(language)) files.set(language, fetchClips(language));
  return files.get(language);
};
