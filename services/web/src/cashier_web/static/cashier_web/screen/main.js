// The main module of the screen's page, which starts all other modules. When all parts of the page are loaded,
// watchdog.js tells connection.js to connect.

import { startAppearance } from "./appearance.js";
import { startCallReports } from "./call_reports.js";
import { startClock } from "./clock.js";
import { startCommands } from "./commands.js";
import { startConnection } from "./connection.js";
import { startBackstop } from "./expired_number.js";
import { startFrozenPicture } from "./frozen_picture.js";
import { startIdleLanguages } from "./idle_languages.js";
import { startMedia } from "./media.js";
import { startOfflineCopy } from "./offline_copy.js";
import { startPageState } from "./page_state.js";
import { startRecentCalls } from "./recent_calls.js";
import { startReports } from "./reports.js";
import { startSleep } from "./sleep.js";
import { startSound } from "./sound.js";
import { startWakeLock } from "./wake_lock.js";

const STARTS = [
  startBackstop,
  startCallReports,
  startReports, // It must hear "screen:frozen" before the connection is closed.
  startConnection,
  startFrozenPicture,
  startAppearance,
  startClock,
  startIdleLanguages,
  startRecentCalls,
  startMedia,
  startSound,
  startPageState,
  startCommands,
  startSleep,
  startWakeLock,
  startOfflineCopy,
];

// Each module is started in its own microtask, so that an error in the start of one module does not stop the start of
// the other modules.
for (const start of STARTS) queueMicrotask(start);
