// Before the first paint: light or dark as chosen in this browser; without a choice as the system has it.
(() => {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
