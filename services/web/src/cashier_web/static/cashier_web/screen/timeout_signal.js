// Limits how long a fetch may take.

// Returns a signal that aborts a fetch after `milliseconds`. Older televisions (Chromium before version 103) do not
// have AbortSignal.timeout(), which would do the same.
export const timeoutSignal = (milliseconds) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
};
