// Sets the remembered theme before the first paint, so that the page does not flash. A classic
// script on purpose: modules run after the first paint. Refuses to do anything else.
(function () {
  try {
    const kept = localStorage.getItem("flowgauge.theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch (_) {
    // Storage may be forbidden; the theme then follows the system.
  }
})();
