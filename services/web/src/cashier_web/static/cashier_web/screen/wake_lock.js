// Keeps the display on, with a wake lock of the browser.

const requestWakeLock = async () => {
  if (document.visibilityState !== "visible") return;
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // The browser refuses the wake lock, for example because the battery is low. The page requests the wake lock again
    // when the page becomes visible again.
  }
};

export const startWakeLock = () => {
  // Browsers offer wake locks only to pages that came over HTTPS or from the same machine. Other pages cannot keep the
  // display on.
  if (!navigator.wakeLock) return;
  document.addEventListener("visibilitychange", requestWakeLock); // A page that is hidden loses its lock.
  requestWakeLock();
};
