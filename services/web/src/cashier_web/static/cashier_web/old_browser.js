// Tells people that their browser is too old to show calls, before they pair it. This script must be the first of the
// page, and must run in every browser. Therefore it uses only ECMAScript 5. docs/screens.md says which browsers are new
// enough.

(function () {
  var NEEDED = [
    window.AbortController,
    window.CustomEvent,
    window.fetch,
    window.Intl,
    window.Promise && Promise.allSettled,
    window.queueMicrotask,
    window.WebSocket,
    Element.prototype.append,
    Element.prototype.replaceWith,
    Element.prototype.toggleAttribute,
    "noModule" in HTMLScriptElement.prototype,
  ];
  var isTooOld = NEEDED.some(function (each) {
    return !each;
  });

  // An older browser cannot read the syntax of the page's scripts, and reports it before the event DOMContentLoaded.
  addEventListener("error", function (event) {
    if (/SyntaxError/.test(event.message)) isTooOld = true;
  });

  document.addEventListener("DOMContentLoaded", function () {
    if (!isTooOld) return;
    var text = document.getElementById("old-browser").cloneNode(true);
    document.body.innerHTML = "";
    document.body.appendChild(text);
    text.hidden = false;
  });
})();
