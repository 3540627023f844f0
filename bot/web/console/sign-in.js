// The one-time code is asked for only where it is needed, without losing the password that was typed.

const form = document.querySelector("form");
const code = form.querySelector(".code");
const problem = form.querySelector(".problem");
const email = new URLSearchParams(location.search).get("email");
sessionStorage.removeItem("welcome");
if (email) form.email.value = email;
code.hidden = true;
if (form.dataset.code === "yes") askCode();
else (form.email.value ? form.password : form.email).focus();

function askCode() {
  code.hidden = false;
  code.querySelector(".hint").hidden = true;
  form.code.required = true;
  form.code.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.textContent = "";
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { accept: "application/json" } });
    const found = await answer.json();
    if (answer.ok) return location.assign(found.next);
    const asks = found.type.endsWith("code-needed");
    if (asks) askCode();
    problem.textContent = asks ? "" : found.detail;
    if (!asks) (code.hidden ? form.password : form.code).select();
  } catch {
    problem.textContent = "The server cannot be reached.";
  }
  button.disabled = false;
});
