/* Django's admin site closes the windows that it opened when its page is left, by an event that browsers give up for another. */
(function () {
  "use strict";
  var listen = window.addEventListener;
  window.addEventListener = function (type, handler, options) {
    return listen.call(this, type === "unload" ? "pagehide" : type, handler, options);
  };
})();
