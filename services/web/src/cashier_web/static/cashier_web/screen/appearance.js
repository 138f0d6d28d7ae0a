// The appearance: what the store has set for its screens, such as name, colours, arrows, media and volume. A new
// appearance is fetched and applied between calls. If it belongs to another version of this page, the page is reloaded.

import { fetchPage } from "./fetch_page.js";
import { currentFragment, isCallShown } from "./fragment.js";

const SOON_MS = 5_000; // The screens of a store do not all fetch in the same moment,
const LATER_MS = 60_000; // and neither do all screens of a chain after an update.

export let appearance; // as cashier_web/screens/appearance.py describes it

let isFetchDue = false;

// An id is `version.settings`.
export const versionOf = (id) => id.split(".")[0];

// In place of the store's name, which is shown if there is no logo.
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
    // No connection: try again later.
  }
  isFetchDue = false;
  if (isCallShown()) return; // The end of the call is shown, too, and starts this again.
  const fetched = page?.body.dataset.look;
  // The page is reloaded only when the server can give it. A reload without a server could end in the browser's own
  // error page, which nobody would ever leave.
  if (fetched && versionOf(JSON.parse(fetched).id) !== versionOf(appearance.id)) return location.reload();
  if (fetched) apply(fetched);
  fetchIfChanged(fetched ? SOON_MS : LATER_MS); // A server that cannot answer is not asked again by all at once.
};

// Each fragment names the appearance that the store has now.
const fetchIfChanged = (within = SOON_MS) => {
  const announced = currentFragment().dataset.look;
  if (isFetchDue || !announced || announced === appearance.id || isCallShown()) return;
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
