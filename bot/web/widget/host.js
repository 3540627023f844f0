// The page around the frame: spoken to by its origin only, and only if the clinic's list has it.

/** Whether an origin is on the list; `https://*.example.org` covers subdomains. */
const listed = (origin, hosts) =>
  origin === location.origin ||
  hosts.some((one) => one === origin || (one.includes("://*.") && origin.startsWith(`${one.split("*")[0]}`) && origin.endsWith(one.split("*")[1])));

export class Host extends EventTarget {
  /** @param {{mode: string, hosts: string[]}} config */
  constructor(config) {
    super();
    const named = decodeURIComponent(location.hash.slice(1));
    this.framed = config.mode === "frame" && parent !== window;
    this.origin = this.framed && listed(named, config.hosts) ? named : null;
    this.shown = true;
    addEventListener("message", (event) => {
      if (!this.origin || event.source !== parent || event.origin !== this.origin) return;
      const kind = event.data?.frontdesk;
      if (kind !== "shown" && kind !== "hidden") return;
      this.shown = kind === "shown";
      this.dispatchEvent(new Event("shown"));
    });
  }

  /** Whether somebody can see the conversation now. */
  get seen() {
    return this.shown && !document.hidden;
  }

  /** Tell the page around us: ready, close, unread. */
  tell(kind, value) {
    if (this.origin) parent.postMessage({ frontdesk: kind, value }, this.origin);
  }
}
