// The script of the pages that Nginx shows if it refuses a request or if web does not answer. error_pages.py writes the
// script into each of these pages.
//
// A page that only reads something loads itself again until the request succeeds. The delay is random, because many
// televisions behind one address may show this page at the same moment, for example after a power cut. The script uses
// no syntax and no functions that a television from 2014 does not have (ECMAScript 5).

(function () {
  var SHORTEST_MS = 5000;
  var LONGEST_MS = 15000;
  var ANSWER_MS = 4000;
  var back = document.getElementById("back");

  function retryLater() {
    setTimeout(retry, SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS));
  }

  // Loads the page again only if the server has just answered. Otherwise the browser could show its own error page,
  // which never loads again. Any answer is enough. A request for /static/ costs the server nearly nothing.
  function retry() {
    var request = new XMLHttpRequest();
    request.open("GET", "/static/?" + Date.now());
    request.timeout = ANSWER_MS;
    request.onload = function () {
      location.reload();
    };
    request.onerror = request.ontimeout = retryLater;
    request.send();
  }

  if (document.body.hasAttribute("data-retries")) retryLater();
  // After a refused form, the previous page of the browser still contains what the person has entered.
  if (back && history.length > 1) {
    back.onclick = function () {
      history.back();
      return false;
    };
  }
})();
