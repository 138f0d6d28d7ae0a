// Keeps the display from going dark.

const requestWakeLock = async () => {
  if (document.visibilityState !== "visible") return;
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // Refused, for instance because the battery is low: requested again when the page becomes visible again.
  }
};

export const startWakeLock = () => {
  // Browsers offer this only to pages that came over HTTPS or from the same machine.
  if (!navigator.wakeLock) return;
  document.addEventListener("visibilitychange", requestWakeLock); // A page that is hidden loses its lock.
  requestWakeLock();
};
