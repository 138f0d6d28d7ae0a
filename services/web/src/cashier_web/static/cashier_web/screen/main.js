// The entry module of the screen's page. watchdog.js tells connection.js when all parts of the page are here.

import { startAppearance } from "./appearance.js";
import { startClock } from "./clock.js";
import { startConnection } from "./connection.js";
import { startBackstop } from "./expired_number.js";
import { startIdleLanguages } from "./idle_languages.js";
import { startMedia } from "./media.js";
import { startOfflineCopy } from "./offline_copy.js";
import { startRecentCalls } from "./recent_calls.js";
import { startSound } from "./sound.js";
import { startWakeLock } from "./wake_lock.js";

const STARTS = [
  startBackstop,
  startConnection,
  startAppearance,
  startClock,
  startIdleLanguages,
  startRecentCalls,
  startMedia,
  startSound,
  startWakeLock,
  startOfflineCopy,
];

// Each in a microtask of its own, so that an error in one does not keep the others from starting.
for (const start of STARTS) queueMicrotask(start);
