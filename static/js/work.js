/* Long work: the progress of an upload, and what changes on Downloads and in the top bar is said. Every page works without it. */
(function () {
  "use strict";
  var doc = document;
  var lang = doc.documentElement.lang || undefined;

  function say(text) {
    var region = doc.getElementById("live-region");
    if (!region || !text) return;
    region.textContent = "";
    setTimeout(function () { region.textContent = text; }, 60);
  }

  function size(bytes) {
    var unit = bytes < 1e6 ? "kilobyte" : "megabyte";
    var number = bytes / (bytes < 1e6 ? 1e3 : 1e6);
    try { return new Intl.NumberFormat(lang, { style: "unit", unit: unit, maximumFractionDigits: 1 }).format(number); } catch (e) { return String(bytes); }
  }

  /* ----- an upload: how much of it is sent, in quarters to screen readers, and then that it is checked ----- */
  function partOf(form) { return form && form.matches && form.matches("[data-upload]") ? form.querySelector("[data-upload-progress]") : null; }

  doc.addEventListener("htmx:beforeRequest", function (event) {
    var part = partOf(event.detail.elt);
    if (!part) return;
    part.hidden = false;
    part.setAttribute("data-step", "0");
    part.removeAttribute("data-sent");
    part.querySelector("progress").value = 0;
    show(part, part.getAttribute("data-text-begun"), true);
  });
  doc.addEventListener("htmx:xhr:progress", function (event) {
    var part = partOf(event.target);
    /* what comes after the last byte was sent is the answer */
    if (!part || part.hidden || part.hasAttribute("data-sent") || !event.detail.lengthComputable || !event.detail.total) return;
    var percent = Math.min(100, Math.floor(event.detail.loaded * 100 / event.detail.total));
    var meter = part.querySelector("progress");
    if (event.detail.loaded >= event.detail.total) {
      part.setAttribute("data-sent", "");
      meter.removeAttribute("value");
      show(part, part.getAttribute("data-text-checking"), true);
      return;
    }
    meter.value = percent;
    var step = Math.floor(percent / 25);
    var isNext = step > Number(part.getAttribute("data-step"));
    if (isNext) part.setAttribute("data-step", String(step));
    show(part, part.getAttribute("data-text-sent").replace("{sent}", size(event.detail.loaded)).replace("{total}", size(event.detail.total)).replace("{percent}", new Intl.NumberFormat(lang, { style: "percent" }).format(percent / 100)), isNext);
  });
  doc.addEventListener("htmx:afterRequest", function (event) {
    var part = partOf(event.detail.elt);
    if (part && !event.detail.successful) part.hidden = true;
  });
  function show(part, text, isSaid) {
    part.querySelector(".progress-line__words").textContent = text;
    if (isSaid) part.querySelector("[data-upload-said]").textContent = text;
  }

  /* ----- Downloads: a row that goes a quarter further, or ends, is said ----- */
  var known = {};
  function rows(isFirst) {
    var said = [];
    doc.querySelectorAll("[data-work-state]").forEach(function (row) {
      var now = row.getAttribute("data-work-state") + row.getAttribute("data-work-step");
      if (!isFirst && known[row.id] !== now) said.push(row.getAttribute("data-work-say"));
      known[row.id] = now;
    });
    say(said.join(". "));
  }

  /* ----- the top bar: what became ready or failed is said once in a session, on whatever page one is ----- */
  var TOLD = "work-told";
  function latest() {
    var mark = doc.getElementById("work-indicator");
    var id = mark && mark.getAttribute("data-work-latest");
    if (!id) return;
    var told = [];
    try { told = JSON.parse(sessionStorage.getItem(TOLD) || "[]"); } catch (e) { /* told again at worst */ }
    if (told.indexOf(id) !== -1) return;
    try { sessionStorage.setItem(TOLD, JSON.stringify(told.concat(id).slice(-50))); } catch (e) { /* no storage */ }
    if (!doc.querySelector("[data-work-list]")) say(Array.prototype.map.call(mark.querySelectorAll("[data-work-words] .work-indicator__words"), function (part) { return part.textContent; }).join(". "));
  }

  /* an answer to a question asked by itself that is another page, as where the session has ended, takes nobody's place */
  doc.addEventListener("htmx:beforeSwap", function (event) {
    var id = event.detail.target && event.detail.target.id;
    if ((id === "work" || id === "work-indicator") && event.detail.serverResponse.indexOf("<html") !== -1) event.detail.shouldSwap = false;
  });
  doc.addEventListener("htmx:afterSettle", function () { rows(false); latest(); });
  function start() { rows(true); latest(); }
  if (doc.readyState === "loading") doc.addEventListener("DOMContentLoaded", start); else start();
})();
