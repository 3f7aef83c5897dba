/* The links of a table of fields are one stop of Tab, before the first field, so that fields follow each other; arrow keys lead
   from link to link. Without this file each link is a stop. */
(function () {
  "use strict";
  var doc = document;

  function links(box) {
    return Array.prototype.slice.call(box.querySelectorAll("a[href]"));
  }
  function stopAt(box, stop) {
    links(box).forEach(function (link) {
      link.tabIndex = link === stop ? 0 : -1;
      if (link === stop) link.setAttribute("aria-describedby", box.getAttribute("data-one-stop"));
      else link.removeAttribute("aria-describedby");
    });
  }
  function start() {
    doc.querySelectorAll("[data-one-stop]").forEach(function (box) {
      if (!box.contains(doc.activeElement)) stopAt(box, links(box)[0]);
    });
  }
  function boxOf(element) {
    return element && element.matches && element.matches("a[href]") ? element.closest("[data-one-stop]") : null;
  }

  doc.addEventListener("keydown", function (event) {
    var box = boxOf(event.target);
    if (!box || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    var all = links(box), mirrored = doc.documentElement.dir === "rtl";
    var at = all.indexOf(event.target);
    var to = {
      ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1,
      ArrowRight: mirrored ? at - 1 : at + 1, ArrowLeft: mirrored ? at + 1 : at - 1
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (all[to]) all[to].focus();
  });
  doc.addEventListener("focusin", function (event) {
    var box = boxOf(event.target);
    if (box) stopAt(box, event.target);
  });
  /* Who left finds the fields in a row again. */
  doc.addEventListener("focusout", function (event) {
    var box = boxOf(event.target);
    if (box && event.relatedTarget && boxOf(event.relatedTarget) !== box) stopAt(box, links(box)[0]);
  });
  doc.addEventListener("htmx:afterSettle", start);
  if (doc.readyState === "loading") doc.addEventListener("DOMContentLoaded", start); else start();
})();
