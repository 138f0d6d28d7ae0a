// A signal that aborts a fetch after some milliseconds.

// Does the same as AbortSignal.timeout(), which older televisions do not have (Chromium before version 103).
export const timeoutSignal = (milliseconds) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
};
