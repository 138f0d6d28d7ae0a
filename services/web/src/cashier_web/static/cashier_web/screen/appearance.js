// The appearance: the store's settings for its screens, such as name, colours, arrows, media and volume. This module
// fetches a new appearance and applies it between calls. If the server has another version of the page, this module
// reloads the page.

import { fetchPage } from "./fetch_page.js";
import { currentFragment, isCallShown } from "./fragment.js";

const SOON_MS = 5_000; // The screens of a store fetch a new appearance at random moments within this time.
const LATER_MS = 60_000; // After an update, all screens of a chain fetch the page at random moments within this time.

export let appearance; // the object that appearance_json() in cashier_web/screens/appearance.py returns

let isFetchDue = false;

// Returns the version of the page from an appearance id, which has the form `version.settings` or
// `version.settings.wakes_at`.
export const versionOf = (id) => id.split(".")[0];

// Returns whether two appearance ids stand for the same appearance. The end of the store's opening hours (sleep.js)
// changes nothing on the screen. If each screen fetched its page then, all screens of a chain would do so together.
const isSame = (id, other) => versionOf(id) === versionOf(other) && id.split(".")[1] === other.split(".")[1];

// Shows the logo instead of the store's name. If the store has no logo, shows the name.
const showLogo = () => {
  const logo = document.getElementById("logo");
  logo.hidden = !appearance.logo;
  logo.alt = appearance.name;
  if (appearance.logo) logo.src = appearance.logo;
  else logo.removeAttribute("src");
  document.getElementById("name").hidden = Boolean(appearance.logo);
};

const apply = (json) => {
  appearance = JSON.parse(json);
  const root = document.documentElement;
  root.lang = appearance.waiting[0].language;
  root.dir = appearance.waiting[0].direction;
  root.style.setProperty("--ink", appearance.ink);
  root.style.setProperty("--ground", appearance.ground);
  document.title = appearance.name;
  document.getElementById("name").textContent = appearance.name;
  showLogo();
  document.dispatchEvent(new CustomEvent("screen:appearance"));
};

const fetchAppearance = async () => {
  let page = null;
  try {
    page = await fetchPage();
  } catch {
    // The server cannot be reached. The page is fetched again later.
  }
  isFetchDue = false;
  if (isCallShown()) return; // At the end of the call, "screen:shown" starts this again.
  const fetched = page?.body.dataset.look;
  // The page is reloaded only if the server has just delivered it. If the server could not be reached, the browser
  // would show its own error page forever.
  if (fetched && versionOf(JSON.parse(fetched).id) !== versionOf(appearance.id)) return location.reload();
  if (fetched) apply(fetched);
  fetchIfChanged(fetched ? SOON_MS : LATER_MS); // If the server cannot answer, the screens do not all ask at once.
};

// Fetches the store's current appearance if this page has another appearance. Each fragment contains the id of the
// store's current appearance.
const fetchIfChanged = (within = SOON_MS) => {
  const announced = currentFragment().dataset.look;
  if (isFetchDue || !announced || isSame(announced, appearance.id) || isCallShown()) return;
  const isSameVersion = versionOf(announced) === versionOf(appearance.id);
  isFetchDue = true;
  setTimeout(fetchAppearance, Math.random() * (isSameVersion ? within : LATER_MS));
};

const showArrow = () => {
  const { dataset } = currentFragment();
  const arrow = dataset.numCashier && appearance.arrows[dataset.numCashier];
  if (arrow) dataset.arrow = arrow;
  else delete dataset.arrow;
};

export const startAppearance = () => {
  document.addEventListener("screen:shown", () => {
    showArrow();
    fetchIfChanged();
  });
  apply(document.body.dataset.look);
};
