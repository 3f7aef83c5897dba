/* Each frame of the styleguide as high as what is in it. Without this they scroll. */
(function () {
  "use strict";
  function fit(frame) {
    var page = frame.contentDocument;
    if (page && page.body) frame.setAttribute("height", page.body.scrollHeight + 4);
  }
  Array.prototype.forEach.call(document.querySelectorAll("[data-guide-frame]"), function (frame) {
    frame.addEventListener("load", function () { fit(frame); });
    if (frame.contentDocument && frame.contentDocument.readyState === "complete" && frame.contentDocument.URL !== "about:blank") fit(frame);
  });
})();
