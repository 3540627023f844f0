// Dialogs: a native <dialog> with a title, a form and two buttons; the focus goes back to where it was.

import { button, fill, h, icon } from "./dom.js";

/** Ask; `body` is what stands in it, `submit` returns a promise, and what it rejects with is shown. */
export function ask({ title, body, action, submit, kind = "primary", wide = false }) {
  const before = document.activeElement;
  const problem = h("p", { class: "problem", role: "alert" });
  const go = h("button", { type: "submit", class: kind }, action);
  const close = () => {
    dialog.close();
    dialog.remove();
    before?.isConnected && before.focus();
  };
  const form = h(
    "form",
    {
      method: "dialog",
      on: {
        submit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          fill(problem);
          try {
            if ((await submit(form)) !== false) close();
          } catch (error) {
            fill(problem, error.message);
          }
          go.disabled = false;
        },
      },
    },
    h("header", {}, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", class: "plain", "aria-label": "Close", on: { click: () => close() } }, icon("close"))),
    h("div", { class: "dialog-body" }, body),
    problem,
    h("footer", {}, button("Cancel", () => close()), action && go),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: wide ? "wide" : "", on: { cancel: (event) => { event.preventDefault(); close(); } } }, form);
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector("textarea, input, select, [autofocus]")?.focus();
  return { close, form };
}

/** Show something to read. */
export function show(title, body, wide = false) {
  const before = document.activeElement;
  const close = () => {
    dialog.close();
    dialog.remove();
    before?.isConnected && before.focus();
  };
  const head = h("header", {}, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", class: "plain", "aria-label": "Close", on: { click: close } }, icon("close")));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: wide ? "wide" : "", on: { cancel: (event) => { event.preventDefault(); close(); } } }, head, h("div", { class: "dialog-body" }, body));
  document.body.append(dialog);
  dialog.showModal();
  return { close };
}

/** Ask a yes or no question. */
export function confirm(title, text, action, kind = "danger") {
  return new Promise((answer) => {
    const { form } = ask({ title, body: h("p", {}, text), action, kind, submit: async () => answer(true) });
    form.closest("dialog").addEventListener("close", () => answer(false));
  });
}
