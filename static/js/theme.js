/* Sets the colours before the first paint: what was chosen, else the system's. */
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    try { return localStorage.getItem("theme") || "system"; } catch (e) { return "system"; }
  }
  function apply() {
    var theme = chosen();
    root.setAttribute("data-theme", theme === "system" ? (dark.matches ? "dark" : "light") : theme);
    root.setAttribute("data-theme-choice", theme);
  }
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  window.lmTheme = {
    chosen: chosen,
    choose: function (theme) {
      try { localStorage.setItem("theme", theme); } catch (e) { /* private window: only for this page */ }
      root.setAttribute("data-theme-choice", theme);
      root.setAttribute("data-theme", theme === "system" ? (dark.matches ? "dark" : "light") : theme);
    }
  };
})();
