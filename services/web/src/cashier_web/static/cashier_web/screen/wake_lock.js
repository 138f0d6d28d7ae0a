// Keeps the display on, with a wake lock of the browser.

const requestWakeLock = async () => {
  if (document.visibilityState !== "visible") return;
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // The browser refuses the lock, for example because the battery is low. The page requests it again when it becomes
    // visible again.
  }
};

export const startWakeLock = () => {
  // Browsers offer wake locks only to pages that came over HTTPS or from the same machine.
  if (!navigator.wakeLock) return;
  document.addEventListener("visibilitychange", requestWakeLock); // A page that is hidden loses its lock.
  requestWakeLock();
};
