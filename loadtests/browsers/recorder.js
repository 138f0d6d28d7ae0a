// Runs in the page of a screen before the page's own scripts. It reports each connection and each painted change of the
// fragment to the load test, with its time in milliseconds since 1970.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const report = (event) => window.reportToLoadTest({ at: now(), ...event });
  let reported = ""; // the state that was reported last on the current connection

  report({ kind: "page" });
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    constructor(...options) {
      super(...options);
      report({ kind: "request" });
      this.addEventListener("open", () => {
        reported = "";
        report({ kind: "open" });
      });
      this.addEventListener("close", ({ code }) => report({ kind: "close", code }));
    }
  };

  const painted = new MessageChannel();
  painted.port1.onmessage = () => {
    const { seq, numCashier = 0 } = document.getElementById("message").dataset;
    if (reported === `${seq} ${numCashier}`) return;
    reported = `${seq} ${numCashier}`;
    report({ kind: "paint", seq: Number(seq), till: Number(numCashier) });
  };
  // The callback of requestAnimationFrame runs before the browser paints. A message that is sent in this callback is
  // received in the first task after the paint.
  const reportFrame = () => requestAnimationFrame(() => painted.port2.postMessage(0));
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(reportFrame).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
})();
