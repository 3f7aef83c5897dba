/* Sets the colours before the first paint: what was chosen, else the system's. In the head, and not deferred, for that. */
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    var theme = null;
    try { theme = localStorage.getItem("theme"); } catch (e) { /* a browser that keeps nothing: the system's */ }
    return theme === "light" || theme === "dark" ? theme : "system";
  }
  function apply(theme) {
    root.setAttribute("data-theme", theme === "system" ? (dark.matches ? "dark" : "light") : theme);
  }
  function follow() { apply(chosen()); }
  follow();
  dark.addEventListener("change", follow);
  window.addEventListener("storage", follow);
  window.lmTheme = {
    chosen: chosen,
    choose: function (theme) {
      try { localStorage.setItem("theme", theme); } catch (e) { /* only for this page, then */ }
      apply(theme);
    }
  };
})();
