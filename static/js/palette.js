/* Go to (Ctrl-K) and the shortcuts. Without it the link “Go to…” opens a page, and all is reached by Tab. The keys stand in the
   rows of the help, as portal/shortcuts.py lists them: here is no list. */
(function () {
  "use strict";
  var doc = document;
  var byId = function (id) { return doc.getElementById(id); };
  var all = function (selector, root) { return Array.prototype.slice.call((root || doc).querySelectorAll(selector)); };

  function open(dialog) {
    if (!dialog || doc.querySelector("dialog[open]")) return;
    dialog.showModal();
  }

  /* ----- the palette: a combobox whose focus stays in its field ----- */
  var palette = byId("palette");
  var field = byId("palette-q");
  /* Enter before the answer to what was typed has come opens the best of it as soon as it is there */
  var waits = false;

  function openPalette() {
    if (!palette || doc.querySelector("dialog[open]")) return;
    open(palette);
    field.value = "";
    field.focus();
    waits = false;
    window.htmx.trigger(field, "ask");
  }
  function options() { return all("[role=option]", palette); }
  function chosen() { return byId(field.getAttribute("aria-activedescendant") || "none"); }
  function choose(option) {
    var old = chosen();
    if (old) old.setAttribute("aria-selected", "false");
    if (!option) { field.removeAttribute("aria-activedescendant"); return; }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  }
  function isAnswered() {
    var list = byId("palette-list");
    return list && list.getAttribute("data-for") === field.value.trim();
  }
  function follow() { var option = chosen(); if (option) { waits = false; option.click(); } }

  if (palette) {
    field.addEventListener("keydown", function (event) {
      if (event.isComposing) return;
      var found = options();
      var step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step && found.length) {
        choose(found[(found.indexOf(chosen()) + step + found.length) % found.length]);
        event.preventDefault();
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (isAnswered()) follow(); else waits = true;
      }
    });
    palette.addEventListener("submit", function (event) { event.preventDefault(); });
    /* What was chosen is gone with the old answer. */
    doc.addEventListener("htmx:beforeSwap", function (event) {
      if (event.detail.target && event.detail.target.id === "palette-found") choose(null);
    });
    doc.addEventListener("htmx:afterSettle", function (event) {
      if (!event.detail.target || event.detail.target.id !== "palette-found") return;
      var list = byId("palette-list");
      if (!list) return;
      var found = options();
      field.setAttribute("aria-expanded", String(found.length > 0));
      choose(found[0]);
      byId("palette-said").textContent = list.getAttribute("data-told");
      if (waits && isAnswered()) follow();
    });
  }

  /* ----- shortcuts ----- */
  function areOn() {
    try { return localStorage.getItem("shortcuts") !== "off"; } catch (e) { return true; }
  }
  function showSwitch() { all("[data-shortcuts-switch]").forEach(function (box) { box.checked = areOn(); }); }
  doc.addEventListener("change", function (event) {
    if (!event.target.matches("[data-shortcuts-switch]")) return;
    try { localStorage.setItem("shortcuts", event.target.checked ? "on" : "off"); } catch (e) { /* private window: they stay on */ }
    showSwitch();
  });

  /* Letters and digits are told by their place where the keyboard writes another script. */
  function keyOf(event) {
    var key = event.key.toLowerCase();
    return /^[\x00-\x7f]*$/.test(key) ? key : event.code.replace(/^(Key|Digit)/, "").toLowerCase();
  }
  function isTyping(at) {
    return at.closest && at.closest("input:not([type=checkbox], [type=radio], [type=submit], [type=button]), textarea, select, [contenteditable]");
  }
  function visible(selector) { return all(selector).filter(function (each) { return each.offsetParent !== null; })[0]; }
  function act(row) {
    var value = function (name) { return row.getAttribute("data-" + name); };
    if (value("goes")) { window.location.assign(value("goes")); return; }
    if (value("opens")) { open(doc.querySelector(value("opens"))); return; }
    var found = visible(value("focuses") || value("presses") || "none");
    if (!found) return false;
    if (value("presses")) { found.click(); return; }
    found.focus();
    if (found.select) found.select();
  }

  /* A link that is a button is pressed by Space, too. */
  doc.addEventListener("keydown", function (event) {
    if (event.key !== " " || !event.target.matches || !event.target.matches("a[role=button]")) return;
    event.preventDefault();
    event.target.click();
  });

  var before = "";
  var timer;
  doc.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.isComposing || !event.key) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      if (keyOf(event) !== "k" || !palette) return;
      event.preventDefault();
      if (palette.open) palette.close(); else openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !areOn()) return;
    if (doc.querySelector("dialog[open]") || isTyping(event.target)) return;
    var keys = before + keyOf(event);
    before = "";
    clearTimeout(timer);
    var rows = all("#shortcuts [data-keys]");
    var row = rows.filter(function (each) { return each.getAttribute("data-keys") === keys; })[0];
    if (row) {
      if (act(row) !== false) event.preventDefault();
    } else if (rows.some(function (each) { return each.getAttribute("data-keys").indexOf(keys + " ") === 0; })) {
      before = keys + " ";
      timer = setTimeout(function () { before = ""; }, 1500);
    }
  });

  doc.addEventListener("click", function (event) {
    var at = event.target instanceof Element ? event.target : null;
    if (!at) return;
    if (at.closest("[data-closes-dialog]") || at.matches("dialog[open]")) { at.closest("dialog").close(); return; }
    if (at.closest("#palette [role=option]")) { palette.close(); return; }
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    var link = at.closest("[data-palette], [data-shortcuts]");
    if (!link || (link.hasAttribute("data-palette") && !palette)) return;
    event.preventDefault();
    if (link.hasAttribute("data-palette")) openPalette(); else open(byId("shortcuts"));
  });

  showSwitch();
})();
