// How long a screen waits before it tries to connect again.

const BASE_MS = 2_000;
export const CAP_MS = 10_000;

// Returns the delay in milliseconds before a screen tries to connect again. The delay is random, because the screens of
// a chain must not all connect at the same moment. attempt: 0 for the first attempt.
export const retryDelay = (attempt) => Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
