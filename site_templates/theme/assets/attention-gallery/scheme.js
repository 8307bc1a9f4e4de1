/* Before the first paint: the colours the reader chose last time, and the mark that scripts run.
 * `data-theme` on <html> is "light" or "dark"; without it the system's preference decides. */
(() => {
  const root = document.documentElement;
  root.classList.add("ag-js");
  try {
    const chosen = localStorage.getItem("ag-theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch {
    /* Storage is forbidden in some private windows; the system's preference is a fine default. */
  }
})();
