// On pages that renew themselves: says so if the page could not be renewed.

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  document.getElementById("not-renewed").hidden = detail.successful;
});
