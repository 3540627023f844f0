// The call-back form: a real form inside the conversation.
import { h, newId, speak, t } from "./dom.js";

const field = (name, attributes, label) => {
  const error = h("p", { class: "error", id: `cb-${name}-error` });
  const input = h("input", { id: `cb-${name}`, name, "aria-describedby": error.id, ...attributes });
  const text = h("label", { for: input.id }, label);
  return attributes.type === "checkbox" ? h("div", { class: "row tick" }, input, text, error) : h("div", { class: "row" }, text, input, error);
};

/** Make the form; `advice` shows emergency text, `done` is told whether it was sent. */
export const form = (transport, advice, done) => {
  const id = newId();
  const made = h("form", { class: "card", novalidate: true, "aria-label": t("callback.title") },
    h("h2", {}, t("callback.title")),
    field("name", { autocomplete: "name", required: true, maxlength: 120 }, t("callback.name")),
    field("phone", { type: "tel", autocomplete: "tel", inputmode: "tel", required: true, maxlength: 40 }, t("callback.phone")),
    field("best_time", { maxlength: 200, placeholder: t("callback.time.example") }, t("callback.time")),
    field("consent", { type: "checkbox", required: true }, t("callback.consent")),
    h("p", { class: "error", role: "alert" }),
    h("div", { class: "row buttons" }, h("button", { class: "primary" }, t("callback.send")), h("button", { class: "plain", type: "button", onclick: () => done(false) }, t("callback.cancel"))));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (made.getAttribute("aria-busy")) return;
    const { name, phone, best_time, consent } = made.elements;
    const wrong = { name: !name.value.trim(), phone: phone.value.replace(/\D/g, "").length < 7, consent: !consent.checked };
    // What is wrong is still read for danger: the words go nowhere else, but the door sees them.
    if (show(made, wrong)) return;
    made.setAttribute("aria-busy", "true");
    try {
      await transport.call("POST", "/callback", { id, name: name.value.trim(), phone: phone.value, best_time: best_time.value.trim(), consent: true });
      done(true);
    } catch (problem) {
      if (problem.body?.emergency_text) advice(problem.body.emergency_text);
      const fields = Object.keys(problem.body?.fields ?? {});
      if (!show(made, Object.fromEntries(fields.map((one) => [one, true])))) {
        made.querySelector('[role="alert"]').textContent = problem.status === 429 ? problem.message : t("callback.failed");
      }
    } finally {
      made.removeAttribute("aria-busy");
    }
  });
  queueMicrotask(() => {
    made.elements.name.focus({ preventScroll: true });
    made.scrollIntoView({ block: "start" });
  });
  return made;
};

/** Mark what is wrong, put the cursor there, and say it. */
const show = (made, wrong) => {
  let first = null;
  for (const name of ["name", "phone", "consent"]) {
    const input = made.elements[name];
    const text = wrong[name] ? t(`callback.need.${name}`) : "";
    made.querySelector(`#cb-${name}-error`).textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text && !first) first = input;
  }
  first?.focus();
  if (first) speak(t(`callback.need.${first.name}`), true);
  return Boolean(first);
};
