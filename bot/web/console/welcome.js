// The link's secret stands behind the #, where no server and no log sees it: it goes into the form and out of the address.

const form = document.querySelector("form");

function take() {
  const kept = location.hash.slice(1) || sessionStorage.getItem("welcome") || "";
  if (kept) sessionStorage.setItem("welcome", kept);
  history.replaceState(null, "", location.pathname);
  form.token.value = kept;
  if (!kept) form.querySelector(".problem").textContent = "Open this page through the link you were given.";
}

take();
// Another link opened where this one is open changes no more than what is behind the #: no page is loaded for it.
addEventListener("hashchange", () => {
  form.querySelector(".problem").textContent = "";
  take();
});
form.shown.addEventListener("change", () => (form.password.type = form.shown.checked ? "text" : "password"));
form.password.focus();
