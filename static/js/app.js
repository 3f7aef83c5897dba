/* Makes pages nicer; every page works without it. No eval, no inline code, no dependencies (HTMX only listened to). */
(function () {
  "use strict";
  var doc = document;
  var toasts = function () { return doc.getElementById("toast-region"); };
  var words = function (name) { var t = toasts(); return (t && t.getAttribute("data-text-" + name)) || ""; };
  var all = function (selector, root) { return Array.prototype.slice.call((root || doc).querySelectorAll(selector)); };
  var sprite = function () { var u = doc.querySelector(".icon use"); return u ? u.getAttribute("href").split("#")[0] : ""; };
  /* Numbers are written and read as the server does it, which writes a thousand at the page's root. */
  var mark = (doc.documentElement.getAttribute("data-thousand") || "1,000").slice(1, -3);
  var numbers = { format: function (number) { return String(number).replace(/\B(?=(\d{3})+$)/g, mark); } };

  /* ----- say something to screen readers ----- */
  var sayTimer;
  function say(text) {
    var region = doc.getElementById("live-region");
    if (!region || !text) return;
    region.textContent = "";
    clearTimeout(sayTimer);
    sayTimer = setTimeout(function () { region.textContent = text; }, 60);
  }

  function icon(name) {
    var svg = doc.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    var use = doc.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", sprite() + "#" + name);
    svg.appendChild(use);
    return svg;
  }

  function toast(text) {
    var region = toasts();
    if (!region || !text) return;
    region.replaceChildren();
    var box = doc.createElement("div");
    box.className = "notice notice--danger message";
    var body = doc.createElement("div");
    body.className = "notice__body";
    body.textContent = text;
    var close = doc.createElement("button");
    close.type = "button";
    close.className = "notice__close";
    close.setAttribute("aria-label", words("close"));
    close.setAttribute("data-dismiss", ".message");
    close.appendChild(icon("close"));
    box.append(icon("alert"), body, close);
    region.appendChild(box);
  }

  /* ----- colours ----- */
  function showTheme() {
    var now = window.lmTheme ? window.lmTheme.chosen() : "system";
    all("[data-theme-set]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.getAttribute("data-theme-set") === now)); });
  }

  /* ----- a form is sent once ----- */
  function lock(form, button) {
    form.setAttribute("data-sent", "");
    if (button) {
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("data-busy", "");
    }
  }
  function unlock(form) {
    form.removeAttribute("data-sent");
    all("[data-busy]", doc).forEach(function (b) {
      if (b.form === form || form.contains(b)) { b.removeAttribute("data-busy"); b.removeAttribute("aria-disabled"); }
    });
    if (form.matches("[data-wallet-form]")) wallet(form);
  }
  doc.addEventListener("submit", function (event) {
    var form = event.target;
    var button = event.submitter;
    if (button && button.getAttribute("aria-disabled") === "true" || form.hasAttribute("data-sent")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      var reason = form.querySelector("[data-wallet-reason]");
      if (button && button.hasAttribute("data-wallet-submit") && reason && !form.hasAttribute("data-sent")) say(reason.textContent);
      return;
    }
    var method = (button && button.getAttribute("formmethod")) || form.getAttribute("method") || "get";
    if (method.toLowerCase() !== "post" || form.hasAttribute("data-no-lock") || form.target === "_blank") return;
    if (form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete]")) return; /* locked in htmx:beforeRequest */
    /* after the browser has collected the fields, so that the button's own name and value are sent */
    setTimeout(function () { if (!event.defaultPrevented) lock(form, button); }, 0);
    setTimeout(function () { unlock(form); }, 20000);
  }, true);
  window.addEventListener("pageshow", function () {
    all("form[data-sent]").forEach(unlock);
    all("[data-wallet-form]").forEach(wallet);
  });

  /* ----- fill with what is missing ----- */
  function setValue(input, value) {
    input.value = value;
    input.setAttribute("data-filled", "");
    setTimeout(function () { input.removeAttribute("data-filled"); }, 1000);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
  function fill(button) {
    var target = button.getAttribute("data-fill-target");
    var scope = button.getAttribute("data-fill-scope");
    var first;
    if (target) {
      all(target).forEach(function (input) { first = first || input; setValue(input, button.getAttribute("data-fill-value") || ""); });
    } else {
      var box = scope === "form" ? button.form || button.closest("form") : doc.querySelector(scope);
      all("input[data-missing]", box || doc).forEach(function (input) { first = first || input; var lacks = input.getAttribute("data-missing"); setValue(input, lacks === "0" ? "" : lacks); });
    }
    if (first) say(words("filled"));
  }

  /* ----- what is left in the wallet, and which years are open ----- */
  function isNumber(input) {
    return /^[0-9]{1,9}$/.test(typed(input));
  }
  function entered(input) {
    return isNumber(input) ? parseInt(typed(input), 10) : 0;
  }
  /* Without the marks of thousands where each parts three digits: blanks, or those of the language. */
  var groupedDigits = new RegExp("^[0-9]{1,3}(\\s|[" + mark + "])[0-9]{3}(?:\\1[0-9]{3})*$");
  /* Digits of any script by their value, where all are of one; as `licensemgr.core.numbers.plain_digits` reads them. */
  function plainDigits(text) {
    var zeros = {};
    var plain = text.replace(/\p{Nd}/gu, function (digit) {
      var code = digit.codePointAt(0), value = 0;
      /* Digits stand ten by ten in their order, and nothing else among them. */
      while (/^\p{Nd}$/u.test(String.fromCodePoint(code - value - 1))) value += 1;
      value %= 10;
      zeros[code - value] = true;
      return value;
    });
    return Object.keys(zeros).length > 1 ? text : plain;
  }
  function typed(input) {
    var text = plainDigits(input.value.trim());
    return groupedDigits.test(text) ? text.replace(/[^0-9]/g, "") : text;
  }
  /* Why what is typed can't be confirmed yet: years that don't match what they are missing, in numbers. */
  function mismatches(groups, reason) {
    var lines = [];
    var tell = function (name, values) {
      var text = reason.getAttribute("data-text-" + name);
      if (text) lines.push(text.replace(/\{(\w+)\}/g, function (all, key) { return key in values ? values[key] : all; }));
    };
    var used = groups.map(function (group) { return all("input[data-missing]", group).some(function (input) { return input.value.trim() !== "" && input.value.trim() !== "0"; }); });
    var last = used.lastIndexOf(true);
    groups.slice(0, last + 1).forEach(function (group, index) {
      var year = group.getAttribute("data-year-label") || "";
      var fields = all("input[data-missing]", group);
      if (!used[index]) {
        if (fields.some(function (input) { return parseInt(input.getAttribute("data-missing"), 10) > 0; })) tell("order", { year: year });
        return;
      }
      fields.forEach(function (input) {
        var values = { year: year, type: input.getAttribute("data-type-name") || "" };
        var want = parseInt(input.getAttribute("data-missing"), 10) || 0;
        var have = entered(input);
        if (input.value.trim() !== "" && !isNumber(input)) { tell("digits", values); return; }
        values.entered = numbers.format(have);
        values.missing = numbers.format(want);
        values.difference = numbers.format(Math.abs(have - want));
        if (have !== want) tell(have < want ? "need-short" : "need-over", values);
      });
    });
    return lines;
  }
  function wallet(form) {
    var groups = all("[data-year-group]", form);
    var open = true;
    groups.forEach(function (group) {
      var fields = all("input[data-missing]", group);
      group.classList.toggle("is-locked", !open);
      fields.forEach(function (input) { if (!input.hasAttribute("data-always-readonly")) input.readOnly = !open; });
      all("[data-fill-scope], [data-fill-target]", group).forEach(function (b) { if (open) b.removeAttribute("aria-disabled"); else b.setAttribute("aria-disabled", "true"); });
      all("[data-year-locked-hint]", group).forEach(function (hint) { hint.hidden = open; });
      if (fields.some(function (input) { return entered(input) < (parseInt(input.getAttribute("data-missing"), 10) || 0); })) open = false;
    });
    var sums = {};
    var unreadable = {};
    var total = 0;
    all("[data-wallet-type]", form).forEach(function (input) {
      var type = input.getAttribute("data-wallet-type");
      sums[type] = (sums[type] || 0) + entered(input);
      unreadable[type] = unreadable[type] || (input.value.trim() !== "" && !isNumber(input));
      total += entered(input);
    });
    var reason = form.querySelector("[data-wallet-reason]");
    var lines = reason ? mismatches(groups, reason) : [];
    all("[data-wallet-left]", form).forEach(function (box) {
      var have = parseInt(box.getAttribute("data-wallet-have"), 10) || 0;
      var type = box.getAttribute("data-wallet-left");
      var sum = sums[type] || 0;
      var left = have - sum;
      var value = box.querySelector("[data-wallet-value]");
      var note = box.querySelector("[data-wallet-note]");
      var text = numbers.format(Math.abs(left));
      if (value && value.textContent !== text) value.textContent = text;
      if (note) note.textContent = note.getAttribute(left < 0 ? "data-text-short" : "data-text-left");
      box.classList.toggle("is-short", left < 0);
      /* Years say it themselves, with their names. */
      if (unreadable[type] && reason && !groups.length) {
        lines.push((reason.getAttribute("data-text-digits") || "").replace("{type}", box.getAttribute("data-wallet-label") || ""));
      }
      if (left < 0 && reason) {
        lines.push((reason.getAttribute("data-text-short") || "")
          .replace("{type}", box.getAttribute("data-wallet-label") || "")
          .replace("{entered}", numbers.format(sum)).replace("{have}", numbers.format(have)).replace("{short}", text));
      }
    });
    var empty = !lines.length && total === 0;
    if (reason) {
      var said = lines.length ? lines.join("\n") : empty ? reason.getAttribute("data-text-empty") || "" : "";
      if (reason.textContent !== said) reason.textContent = said;
      reason.classList.toggle("is-hint", empty);
    }
    all("[data-wallet-submit]", form).forEach(function (b) {
      if (b.hasAttribute("data-busy")) return;
      if (lines.length || empty) b.setAttribute("aria-disabled", "true"); else b.removeAttribute("aria-disabled");
    });
  }

  /* ----- filter a list as one types ----- */
  function filter(input) {
    var list = doc.querySelector(input.getAttribute("data-filter-list"));
    if (!list) return;
    var wanted = input.value.trim().toLocaleLowerCase();
    var shown = 0;
    Array.prototype.forEach.call(list.children, function (item) {
      var match = item.textContent.toLocaleLowerCase().indexOf(wanted) !== -1;
      item.hidden = !match;
      if (match) shown += 1;
    });
    var none = list.parentElement.querySelector("[data-filter-empty]");
    if (none) { none.hidden = shown > 0; if (!shown) say(none.textContent); }
  }

  /* ----- the browser's position: asked for by a click only, and given away no more exactly than a kilometre ----- */
  function locate(button) {
    var form = button.form;
    var note = form.querySelector("[data-locate-note]");
    var tell = function (name) { note.textContent = button.getAttribute("data-text-" + name) || ""; note.hidden = false; say(note.textContent); };
    if (!navigator.geolocation) { tell("failed"); return; }
    tell("waiting");
    button.setAttribute("aria-disabled", "true");
    navigator.geolocation.getCurrentPosition(function (found) {
      ["latitude", "longitude"].forEach(function (name) {
        var input = form.elements.namedItem(name);
        input.disabled = false;
        input.value = found.coords[name].toFixed(2);
      });
      all("[data-locate-clears]", form).forEach(function (input) { input.value = ""; });
      button.removeAttribute("aria-disabled");
      form.requestSubmit();
    }, function () {
      button.removeAttribute("aria-disabled");
      tell("failed");
    }, { timeout: 15000, maximumAge: 600000 });
  }

  /* ----- suggestions below a field: arrow keys reach them, Escape closes them ----- */
  function suggest(event) {
    var at = event.target;
    if (!at.closest) return;
    var box = at.closest(".suggestions-box");
    var input = at.matches("[data-suggestions]") ? at : box && doc.querySelector("[data-suggestions='#" + box.id + "']");
    var list = input && doc.querySelector(input.getAttribute("data-suggestions"));
    var links = list ? all("a", list) : [];
    if (!links.length) return;
    if (event.key === "Escape") { list.replaceChildren(); input.focus(); event.preventDefault(); return; }
    var step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step || (at === input && step < 0)) return;
    (links[links.indexOf(at) + step] || (step < 0 ? input : at)).focus();
    event.preventDefault();
  }

  function closeSuggestions(at) {
    if (at.matches("[data-suggestions]")) return;
    all(".suggestions-box").forEach(function (box) { if (!box.contains(at)) box.replaceChildren(); });
  }
  /* ----- files can be dropped where they can be chosen ----- */
  var MOST_NAMED = 10;
  function chosen(zone) {
    var list = zone.querySelector("[data-drop-chosen]");
    if (!list) return;
    var files = Array.prototype.slice.call(zone.querySelector("input[type=file]").files);
    var lines = files.slice(0, MOST_NAMED).map(function (file) { return file.name; });
    if (files.length > MOST_NAMED) lines.push((list.getAttribute("data-text-more") || "").replace("{count}", numbers.format(files.length - MOST_NAMED)));
    list.replaceChildren.apply(list, lines.map(function (line) { var item = doc.createElement("li"); item.textContent = line; return item; }));
    list.hidden = files.length < 2;
  }
  ["dragenter", "dragover", "dragleave", "drop"].forEach(function (name) {
    doc.addEventListener(name, function (event) {
      var zone = event.target instanceof Element && event.target.closest("[data-drop-zone]");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("is-over", name === "dragenter" || name === "dragover");
      if (name !== "drop" || !event.dataTransfer.files.length) return;
      var input = zone.querySelector("input[type=file]");
      var files = event.dataTransfer.files;
      if (!input.multiple && files.length > 1) { files = new DataTransfer(); files.items.add(event.dataTransfer.files[0]); files = files.files; }
      input.files = files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      input.focus();
    });
  });
  doc.addEventListener("change", function (event) {
    var zone = event.target.closest("[data-drop-zone]");
    if (zone) chosen(zone);
  });

  /* ----- one listener for clicks ----- */
  doc.addEventListener("click", function (event) {
    var at = event.target instanceof Element ? event.target : null;
    if (!at) return;
    var b;
    if ((b = at.closest("[data-theme-set]"))) { window.lmTheme.choose(b.getAttribute("data-theme-set")); showTheme(); return; }
    if ((b = at.closest("[data-fill-target], [data-fill-scope]"))) {
      event.preventDefault();
      if (b.getAttribute("aria-disabled") !== "true") fill(b);
      return;
    }
    if ((b = at.closest("[data-copy], [data-copy-from]"))) {
      var from = b.getAttribute("data-copy-from");
      var source = from ? doc.querySelector(from) : null;
      var text = source ? (source.value || source.textContent).trim() : b.getAttribute("data-copy");
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(function () { b.setAttribute("data-copied", ""); say(words("copied")); setTimeout(function () { b.removeAttribute("data-copied"); }, 1500); });
      return;
    }
    if ((b = at.closest("[data-locate]"))) { if (b.getAttribute("aria-disabled") !== "true") locate(b); return; }
    if ((b = at.closest("[data-dismiss]"))) {
      var gone = b.closest(b.getAttribute("data-dismiss"));
      if (gone) { gone.remove(); doc.getElementById("main").focus({ preventScroll: true }); }
      return;
    }
    if ((b = at.closest("a[aria-disabled='true']"))) event.preventDefault();
    all("details.menu[open]").forEach(function (menu) { if (!menu.contains(at)) menu.open = false; });
    closeSuggestions(at);
  });
  doc.addEventListener("keydown", suggest);
  doc.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      all("details.menu[open]").forEach(function (menu) { menu.open = false; if (menu.contains(doc.activeElement)) menu.querySelector("summary").focus(); });
      return;
    }
    var menu = doc.activeElement && doc.activeElement.closest && doc.activeElement.closest("details.menu[open]");
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      var items = all("summary, input, .menu__item", menu).filter(function (i) { return i.offsetParent !== null; });
      var next = items[items.indexOf(doc.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { next.focus(); event.preventDefault(); }
    }
    if (event.key === "Enter" && event.target.matches && event.target.matches("[data-filter-list]")) event.preventDefault();
  });
  doc.addEventListener("toggle", function (event) {
    var menu = event.target;
    if (menu.matches && menu.matches("details.menu") && menu.open) {
      var search = menu.querySelector("[data-filter-list]");
      if (search) search.focus();
    }
  }, true);
  doc.addEventListener("focusin", function (event) {
    all("details.menu[open]").forEach(function (menu) { if (!menu.contains(event.target)) menu.open = false; });
    closeSuggestions(event.target);
  });
  doc.addEventListener("input", function (event) {
    if (event.target.matches("[data-filter-list]")) filter(event.target);
    var form = event.target.closest("[data-wallet-form]");
    if (form) wallet(form);
  });

  /* ----- HTMX: focus, announcements, errors ----- */
  function formOf(element) { return element && element.closest ? element.closest("form") : null; }
  doc.addEventListener("htmx:beforeRequest", function (event) {
    var form = formOf(event.detail.elt);
    var target = event.detail.target;
    if (target && target.setAttribute && target !== doc.body) target.setAttribute("aria-busy", "true");
    var config = event.detail.requestConfig;
    if (form && config && config.verb !== "get" && !form.hasAttribute("data-no-lock")) {
      var by = config.triggeringEvent && config.triggeringEvent.submitter;
      lock(form, by || form.querySelector("[type=submit]"));
    }
  });
  doc.addEventListener("htmx:afterRequest", function (event) {
    var form = formOf(event.detail.elt);
    if (form) unlock(form);
    var target = event.detail.target;
    if (target && target.removeAttribute) target.removeAttribute("aria-busy");
  });
  /* A list that is searched or sorted keeps its height when fewer rows come back, so that nothing below it jumps. */
  var heights = {};
  doc.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target;
    var config = event.detail.requestConfig;
    if (target && target.id && target !== doc.body && config && config.verb === "get") heights[target.id] = target.offsetHeight;
  });
  /* A sheet of its own: a style attribute would be copied when the part settles, which the page's policy forbids. */
  var kept = {};
  var keptHeights = new CSSStyleSheet();
  doc.adoptedStyleSheets = doc.adoptedStyleSheets.concat(keptHeights);
  doc.addEventListener("htmx:afterSwap", function (event) {
    var target = event.detail.target;
    var now = target && heights[target.id] && doc.getElementById(target.id);
    if (!now || now.offsetHeight >= heights[target.id]) return;
    kept[target.id] = heights[target.id];
    keptHeights.replaceSync(Object.keys(kept).map(function (id) { return "#" + CSS.escape(id) + "{min-block-size:" + kept[id] + "px}"; }).join(""));
  });
  /* What was said above the page belongs to the form that was sent before, not to the one that is answered now. */
  doc.addEventListener("htmx:afterSwap", function (event) {
    var config = event.detail.requestConfig;
    var said = doc.getElementById("messages");
    if (said && config && config.verb !== "get") said.replaceChildren();
  });
  doc.addEventListener("htmx:afterSettle", function (event) {
    var part = event.detail.target && event.detail.target.isConnected ? event.detail.target : event.detail.elt;
    if (!part || !part.querySelector) return;
    showTheme();
    all("[data-wallet-form]").forEach(wallet);
    var told = part.matches("[data-announce]") ? part : part.querySelector("[data-announce]");
    if (told) say(told.getAttribute("data-announce"));
    var wanted = part.querySelector(".form-errors") || part.querySelector("[data-focus]") || part.querySelector("[aria-invalid=true]");
    /* a part that loads by itself takes no focus */
    var config = event.detail.requestConfig;
    var by = config && config.triggeringEvent;
    /* nor does what is sent beside the part that was asked for */
    var beside = config && config.target && config.target.id && config.target.id !== part.id;
    if (!wanted && by && !beside && doc.activeElement === doc.body) {
      wanted = part.querySelector("h1, h2, h3") || part;
      if (!wanted.hasAttribute("tabindex")) wanted.setAttribute("tabindex", "-1");
    }
    if (wanted) wanted.focus();
  });
  doc.addEventListener("htmx:responseError", function (event) {
    var status = event.detail.xhr.status;
    var names = { 401: "forbidden", 403: "forbidden", 413: "large", 429: "many", 503: "maintenance" };
    toast(words(names[status] || "error"));
  });
  doc.addEventListener("htmx:sendError", function () { toast(words("offline")); });
  doc.addEventListener("htmx:timeout", function () { toast(words("offline")); });

  /* ----- the time zone that the browser is in, where nobody has chosen one ----- */
  function guessTimeZone() {
    var select = doc.querySelector("select[data-guess='time-zone']");
    var zone = "";
    try { zone = Intl.DateTimeFormat().resolvedOptions().timeZone || ""; } catch (e) { /* an old browser: one chooses */ }
    if (select && zone && all("option", select).some(function (option) { return option.value === zone; })) select.value = zone;
  }

  /* ----- start ----- */
  function start() {
    showTheme();
    guessTimeZone();
    all("[data-wallet-form]").forEach(wallet);
    var errors = doc.querySelector(".form-errors") || doc.querySelector("main [aria-invalid=true]");
    if (errors) errors.focus();
  }
  if (doc.readyState === "loading") doc.addEventListener("DOMContentLoaded", start); else start();
})();
