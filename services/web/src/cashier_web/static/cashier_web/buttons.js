// The buttons: a receipt for every press, whatever became of it.
"use strict";
(() => {
  const MOST_RECEIPTS = 4;
  const receipts = document.getElementById("receipts");
  const words = document.body.dataset;

  const tell = (element, text, state) => {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = state;
    receipts.prepend(line);
    while (receipts.children.length > MOST_RECEIPTS) receipts.lastElementChild.remove();
    if (element.name === "cashier") element.dataset.state = state;
    else element.form.reset(); // the language is what it was
  };

  const named = (element, text) => (element.name === "cashier" ? `Nº${element.value} ${text}` : text);

  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (detail.elt.name === "cashier") detail.elt.dataset.state = "sending";
  });

  // What cashier_action answers with, in HX-Trigger.
  document.addEventListener("receipt", ({ target, detail }) => {
    tell(target, detail.text, detail.outcome === "called" || detail.outcome === "stays up" ? "called" : "waits");
  });

  document.addEventListener("htmx:responseError", ({ detail }) => {
    const { xhr, elt } = detail;
    const ours = (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/plain");
    const reason = ours ? xhr.responseText.trim() : named(elt, `${words.notSent} ${xhr.status}`);
    tell(elt, reason, "refused");
  });

  for (const lost of ["htmx:sendError", "htmx:timeout", "htmx:sendAbort"]) {
    document.addEventListener(lost, ({ detail }) => tell(detail.elt, named(detail.elt, words.noConnection), "refused"));
  }

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
    if (/^[1-9]$/.test(event.key)) document.querySelector(`button[name=cashier][value="${event.key}"]`)?.click();
  });
})();
