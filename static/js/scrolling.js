/* A table that is wider than its place can be scrolled by keyboard: only then it takes the focus. */
(function () {
  "use strict";
  function look() {
    document.querySelectorAll(".table-wrap").forEach(function (place) {
      if (place.scrollWidth > place.clientWidth) place.setAttribute("tabindex", "0");
      else place.removeAttribute("tabindex");
    });
  }
  look();
  window.addEventListener("resize", look);
  document.addEventListener("htmx:afterSettle", look);
})();
