// What is kept in this browser, at our origin, after the chat was opened: the token, what is still to be sent, what was seen.
// Where the browser keeps nothing, memory does until the page is left.

const EMPTY = { token: null, expires: null, begun: 0, seen: 0, outbox: [], draft: "", rated: {} };

export class Vault extends EventTarget {
  /** @param {string} site */
  constructor(site) {
    super();
    this.name = `frontdesk:${site}`;
    this.memory = null;
    addEventListener("storage", (event) => {
      if (event.key === this.name || event.key === null) this.dispatchEvent(new Event("elsewhere"));
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

  /** Forget the conversation; what was written and not sent yet stays if asked. */
  clear(keepOutbox = false) {
    const { outbox } = this.read();
    this.memory = null;
    try {
      localStorage.removeItem(this.name);
    } catch {
      // Nothing was kept.
    }
    if (keepOutbox && outbox.length) this.write({ outbox });
  }
}

/** Do something in one tab at a time, where the browser can see to it. */
export const alone = (name, work) => (navigator.locks ? navigator.locks.request(`frontdesk:${name}`, work) : work());
