// The menu: call, keep, print, privacy, delete.
import { by, drawing, h, icon, speak, t } from "./dom.js";

const SAVE = "M12 4v11m-4.5-4L12 15.5 16.5 11M5 19.5h14";
const PRINT = "M7 9V4h10v5M7 17H4.5v-6.5h15V17H17M7 14.5h10V20H7Z";
const LOCK = "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3";
const DELETE = "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7";

export class Menu extends EventTarget {
  constructor(config, transport) {
    super();
    this.transport = transport;
    this.box = by("menu");
    this.button = by("more");
    const { number, uri } = config.contact.phone;
    const link = (picture, text, attributes) => h("a", attributes, picture, text);
    const item = (picture, text, onclick) => h("button", { type: "button", onclick: () => (this.hide(), onclick()) }, drawing(picture), text);
    this.box.append(...[
      link(icon("phone"), t("menu.call", { phone: number }), { href: uri }),
      item(SAVE, t("menu.save"), () => this.save()),
      item(PRINT, t("menu.print"), () => print()),
      config.privacy && link(drawing(LOCK), t("menu.privacy"), { href: config.privacy, target: "_blank", rel: "noopener noreferrer" }),
      item(DELETE, t("menu.delete"), () => this.ask()),
    ].filter(Boolean));
    document.addEventListener("pointerdown", (event) => {
      if (!this.box.hidden && !this.box.contains(event.target) && !this.button.contains(event.target)) this.hide(false);
    });
    this.box.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.box.contains(event.relatedTarget) && event.relatedTarget !== this.button) this.hide(false);
    });
  }

  toggle() {
    if (this.hide()) return;
    this.box.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.box.firstElementChild.focus();
  }

  /** @returns {boolean} whether it was open */
  hide(back = true) {
    if (this.box.hidden) return false;
    this.box.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (back) this.button.focus();
    return true;
  }

  async save() {
    try {
      const response = await this.transport.call("GET", "/transcript");
      const address = URL.createObjectURL(await response.blob());
      h("a", { href: address, download: t("file") }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch {
      speak(t("failed"), true);
      this.dispatchEvent(new CustomEvent("failed"));
    }
  }

  /** Ask once, then delete. */
  ask() {
    const error = h("p", { class: "error", role: "alert" });
    const yes = h("button", { class: "primary danger", type: "button" }, t("delete.yes"));
    const no = h("button", { class: "plain", type: "button", onclick: () => dialog.close() }, t("delete.no"));
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", "aria-describedby": "ask-text" },
      h("h2", { id: "ask-title" }, t("delete.title")), h("p", { id: "ask-text" }, t("delete.text")), error, h("div", { class: "buttons" }, no, yes));
    dialog.addEventListener("close", () => (dialog.remove(), this.button.focus()));
    yes.addEventListener("click", async () => {
      try {
        await this.transport.call("DELETE", "/visitor").catch((problem) => {
          if (!problem.lost) throw problem;
        });
        dialog.close();
        this.dispatchEvent(new CustomEvent("deleted"));
      } catch {
        error.textContent = t("failed");
      }
    });
    by("app").append(dialog);
    dialog.showModal();
    no.focus();
  }
}

/** Put the note that all is deleted in place of the conversation. */
export const ended = () => {
  const again = h("button", { class: "primary", type: "button", onclick: () => location.reload() }, t("deleted.again"));
  const head = h("h2", { tabindex: "-1" }, t("deleted.title"));
  by("scroll").replaceChildren(h("section", { class: "ended" }, head, h("p", {}, t("deleted.text")), again));
  for (const id of ["composer", "person", "more"]) by(id).hidden = true;
  head.focus();
};
