/* Where a number comes from opens in a dialog; without this file its link opens a page. */
(function () {
  "use strict";
  var doc = document;
  var dialog = doc.getElementById("why-dialog");
  if (!dialog || typeof dialog.showModal !== "function" || !window.htmx) return;
  var body = doc.getElementById("why-body");
  var back = dialog.querySelector("[data-why-back]");
  var waiting = dialog.querySelector("template");
  /* The addresses that led to what is shown; the last one is shown. */
  var path = [];

  function show(address) {
    if (!dialog.open) {
      body.replaceChildren(waiting.content.cloneNode(true));
      dialog.showModal();
    }
    back.hidden = path.length < 2;
    window.htmx.ajax("GET", address, { target: body, source: body, swap: "innerHTML" });
  }

  doc.addEventListener("click", function (event) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (event.target === dialog) { dialog.close(); return; }
    var link = event.target.closest("a[data-why]");
    /* On the page of an explanation, others are pages too. */
    if (link && (dialog.contains(link) || !link.closest(".why-box"))) {
      event.preventDefault();
      path.push(link.href);
      show(link.href);
    } else if (event.target.closest("[data-why-back]")) {
      path.pop();
      show(path[path.length - 1]);
    }
  });
  doc.addEventListener("htmx:afterSettle", function (event) {
    if (event.detail.target !== body) return;
    var title = dialog.querySelector("#why-title");
    if (title && dialog.open) title.focus();
  });
  /* What can't be fetched is opened as a page, which says why. */
  ["htmx:responseError", "htmx:sendError"].forEach(function (name) {
    doc.addEventListener(name, function (event) {
      if (event.detail.target === body && path.length) window.location.assign(path[path.length - 1]);
    });
  });
  dialog.addEventListener("close", function () {
    path = [];
    body.replaceChildren();
  });
})();
