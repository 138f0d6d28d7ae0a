// How long a screen waits before it tries to connect again.

const BASE_MS = 2_000;
export const CAP_MS = 10_000;

// Milliseconds, with full jitter: the screens of a chain must not come back all at once. attempt counts from 0.
export const retryDelay = (attempt) => Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
