// The box a visitor writes in.
import { by, t } from "./dom.js";
import { charactersLeft } from "./log.js";

const TYPING_EVERY = 3000;

export class Composer extends EventTarget {
  constructor(vault, transport) {
    super();
    this.vault = vault;
    this.transport = transport;
    this.box = by("words");
    this.form = by("composer");
    this.told = 0;
    this.box.value = vault.read().draft;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("input", () => this.changed());
    this.fit();
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  send() {
    const text = this.box.value.trim();
    if (!text) return this.focus();
    this.box.value = "";
    this.vault.write({ draft: "" });
    this.fit();
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
    this.focus();
  }

  /** Put words back that could not be sent, unless something else stands there. */
  restore(text) {
    if (this.box.value) return;
    this.box.value = text;
    this.changed();
  }

  changed() {
    this.fit();
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.vault.write({ draft: this.box.value }), 300);
    const now = Date.now();
    if (this.staffThere && this.box.value.trim() && now - this.told > TYPING_EVERY) {
      this.told = now;
      this.transport.call("POST", "/typing").catch(() => {});
    }
  }

  fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 160)}px`;
    by("left").textContent = charactersLeft(this.box.value.length, this.box.maxLength);
    this.form.classList.toggle("filled", Boolean(this.box.value.trim()));
    this.box.placeholder = t("composer.placeholder");
  }
}
