// Distinguishes the keys that a person presses from the keys of a barcode scanner, which types like a keyboard. A
// scanner types its next key after 1 to 40 ms. People who press two keys as fast as they can need 100 ms and more
// between them.

// A person has pressed a key if no other key comes less than GAP_MS before or after it. Therefore the action of a
// person's key starts GAP_MS after the key. People do not notice this delay (they notice delays of about 100 ms).
const GAP_MS = 80;
// A scanner may pause, for example because its radio link repeats a packet. After the keys of a scanner, a key belongs
// to a person only if no key came for this longer time.
const PAUSE_MS = 200;
// These keys are ignored. A keypad may send NumLock before and after each digit, and a person may hold Shift.
const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock", "Fn", "FnLock"]);

// Runs the action of each key that a person presses. The keys of a scanner do nothing: they press no button, open no
// link, and choose no option of a list.
// actionOf: a function that gets the event of a key. It returns the key's action, which is a function, or nothing if
// the key has no action.
// onScan: a function that is called once for each scan.
export const watchKeys = (actionOf, onScan) => {
  let lastKeyAt = Number.NEGATIVE_INFINITY;
  let isScan = false;
  let undecided = null; // the last key, as long as nobody knows whether a person has pressed it
  let timer;

  const acceptKey = () => {
    clearTimeout(timer);
    const key = undecided;
    undecided = null;
    key?.action?.();
    if (key?.isChanged) key.list.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const rejectKey = () => {
    clearTimeout(timer);
    if (undecided?.list) undecided.list.value = undecided.value;
    undecided = null;
  };

  window.addEventListener(
    "keydown",
    (event) => {
      const action = actionOf(event);
      if (action) event.preventDefault(); // The browser would act at once, before anybody knows who has pressed the key.
      if (event.repeat || MODIFIERS.has(event.key)) return;
      const isFast = event.timeStamp - lastKeyAt < (isScan ? PAUSE_MS : GAP_MS);
      lastKeyAt = event.timeStamp;
      if (isFast) {
        event.preventDefault();
        // The contact of a worn key may bounce, so that the key comes twice. A scan goes on with other keys.
        if (!isScan && undecided && !undecided.hasBounced && event.code && event.code === undecided.code) {
          undecided.hasBounced = true;
          clearTimeout(timer);
          timer = setTimeout(acceptKey, GAP_MS);
          return;
        }
        rejectKey();
        if (!isScan) onScan();
        isScan = true;
        return;
      }
      acceptKey();
      isScan = false;
      const list = event.target instanceof HTMLSelectElement ? event.target : null;
      undecided = { action, code: event.code, hasBounced: false, list, value: list?.value, isChanged: false };
      timer = setTimeout(acceptKey, GAP_MS);
    },
    true,
  );

  // A letter may choose another option of a list. This listener stops the event `change`, because the letter may come
  // from a scanner. If a person has pressed the key, acceptKey sends the event later.
  window.addEventListener(
    "change",
    (event) => {
      if (!undecided || event.target !== undecided.list) return;
      event.stopPropagation();
      undecided.isChanged = true;
    },
    true,
  );

  // Firefox also presses the button that has the focus when the space bar goes up. This listener prevents it.
  window.addEventListener("keyup", (event) => event.key === " " && actionOf(event) && event.preventDefault(), true);
};
