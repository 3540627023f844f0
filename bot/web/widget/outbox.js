// What is kept in this browser, at our origin, after the chat was opened: the token, what was seen, and what was written and is
// not yet known to be stored. That is sent in order, under ids that make a retry harmless.
import { newId } from "./dom.js";

const EMPTY = { token: null, expires: null, begun: 0, seen: 0, outbox: [], draft: "", rated: {} };

export class Vault extends EventTarget {
  /** @param {string} site */
  constructor(site) {
    super();
    this.name = `frontdesk:${site}`;
    this.memory = null;
    addEventListener("storage", (event) => {
      if (event.key === this.name) this.dispatchEvent(new CustomEvent("elsewhere", { detail: !event.newValue }));
    });
  }

  /** @returns {typeof EMPTY} all that is kept */
  read() {
    try {
      return { ...EMPTY, ...JSON.parse(localStorage.getItem(this.name) ?? "{}") };
    } catch {
      return { ...EMPTY, ...this.memory };
    }
  }

  /** Keep some values beside the others. */
  write(values) {
    const all = { ...this.read(), ...values };
    this.memory = all;
    try {
      localStorage.setItem(this.name, JSON.stringify(all));
    } catch {
      // Private windows and full disks: memory has it.
    }
  }

  /** Keep nothing; other tabs hear it. */
  clear() {
    this.memory = null;
    try {
      localStorage.removeItem(this.name);
    } catch {
      // Nothing was kept.
    }
  }
}

/** Do something in one tab at a time, where the browser can see to it (some refuse to, in a frame). */
export const alone = (name, work) => {
  let begun = false;
  const once = () => ((begun = true), work());
  const locked = navigator.locks?.request(`frontdesk:${name}`, once) ?? once();
  return locked.catch((error) => {
    if (begun) throw error;
    return work();
  });
};

export class Outbox extends EventTarget {
  constructor(vault, transport) {
    super();
    this.vault = vault;
    this.transport = transport;
    this.sending = null;
    this.tries = 0;
    transport.addEventListener("up", () => this.flush());
  }

  /** @returns {{id: string, text: string, payload: object, path?: string, at: string}[]} */
  get items() {
    return this.vault.read().outbox;
  }

  /** Take a message: it is kept before it is sent. */
  add(text, payload = {}) {
    const item = { id: newId(), text, payload, at: new Date().toISOString() };
    this.vault.write({ outbox: [...this.items, item] });
    this.tell("added", item);
    this.flush();
    return item;
  }

  /** Send what is waiting, one after the other, from one tab at a time. */
  flush() {
    clearTimeout(this.timer);
    this.running ??= alone("outbox", () => this.send()).finally(() => {
      this.running = null;
      if (this.items.length && this.transport.up && !this.timer) this.flush();
    });
    return this.running;
  }

  async send() {
    this.timer = 0;
    for (let item = this.items[0]; item; item = this.items[0]) {
      this.sending = item.id;
      this.tell("changed");
      try {
        await this.transport.ready();
        await this.transport.call("POST", "/messages", { id: item.id, text: item.text, payload: item.payload });
        this.tries = 0;
        this.remove(item);
        this.tell("sent", item);
      } catch (problem) {
        if (problem.body?.emergency_text) this.tell("advice", problem.body.emergency_text);
        if (problem.passing || (problem.lost && this.tries > 2)) {
          this.later(problem);
          break;
        }
        if (problem.lost) {
          this.tries += 1;
          this.transport.lose(problem);
        } else {
          this.remove(item);
          this.tell("refused", { item, problem });
        }
      }
    }
    this.sending = null;
    this.tell("changed");
  }

  later(problem) {
    this.tries += 1;
    const seconds = problem.body?.retry_after_seconds ?? Math.min(30, 2 ** this.tries);
    this.timer = setTimeout(() => this.flush(), seconds * 1000);
  }

  remove(item) {
    this.vault.write({ outbox: this.items.filter((one) => one.id !== item.id) });
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
