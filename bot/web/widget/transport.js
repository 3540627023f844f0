// The lines out: to the server, one stream that always comes back, with a cursor so that nothing is missed or shown twice;
// and to the page around the frame, by its origin only, and only if the clinic's list has it.
import { alone } from "./outbox.js";

const SILENCE = 40_000; // the server says something every 15 seconds
const PATIENCE = 10_000;
const LONGEST_PAUSE = 30_000;

/** What the server refused, or that it could not be reached (status 0). */
export class Problem extends Error {
  constructor(status, body = {}, token = null) {
    super(body.detail ?? "");
    this.status = status;
    this.body = body;
    this.token = token;
  }

  /** Whether trying again later can help. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Whether the conversation is not there any more. */
  get lost() {
    return this.status === 401 || this.status === 404;
  }
}

export class Transport extends EventTarget {
  /** @param {{api: string, site: string, language: string}} config */
  constructor(config, vault) {
    super();
    this.config = config;
    this.vault = vault;
    this.cursor = 0;
    this.up = false;
    this.running = false;
    this.polling = false;
    this.failures = 0;
    this.wake = () => {};
    addEventListener("online", () => this.wake());
    addEventListener("offline", () => this.abort?.abort());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  /** Call the API; throws a Problem. */
  async call(method, path, body, { token = this.vault.read().token, signal = AbortSignal.timeout?.(20_000), headers = {} } = {}) {
    if (token) headers.authorization = `Bearer ${token}`;
    if (body) headers["content-type"] = "application/json";
    const options = { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit", keepalive: method === "POST" };
    const response = await fetch(this.config.api + path, options).catch(() => {
      throw new Problem(0);
    });
    if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})), token);
    return response;
  }

  /** See to it that there is a conversation and a token that lives; one tab does it for all. */
  ready() {
    return alone("visitor", async () => {
      const { token, expires, begun } = this.vault.read();
      const left = Date.parse(expires) - Date.now();
      if (!token || !(left > 0)) return this.issue("/visitors", { site: this.config.site, language: this.config.language }, null);
      if (left > (Date.parse(expires) - begun) * 0.75) return;
      // The old token is still good: what cannot be renewed now is renewed another time.
      await this.issue("/token", undefined, token).catch((problem) => {
        if (problem.lost) throw problem;
      });
    });
  }

  async issue(path, body, token) {
    const issued = await (await this.call("POST", path, body, { token })).json();
    this.vault.write({ token: issued.token, expires: issued.expires_at, begun: Date.now() });
  }

  /** Let go of a conversation that is not there any more, unless another tab has begun a new one meanwhile. */
  lose(problem) {
    if (this.vault.read().token === problem.token) this.vault.write({ token: null, seen: 0, rated: {} });
    this.cursor = 0;
    this.tell("lost");
    this.abort?.abort();
  }

  /** Keep the line open until closed. */
  async open() {
    if (this.running) return;
    this.running = true;
    while (this.running) {
      try {
        await this.ready();
        await (this.polling ? this.poll() : this.stream());
      } catch (error) {
        if (error.lost && this.running) this.lose(error);
        this.failures += 1;
      }
      if (!this.running) break;
      this.down();
      await this.pause();
    }
  }

  /** Close the line. */
  close() {
    this.running = false;
    this.abort?.abort();
    this.wake();
  }

  async stream() {
    const abort = (this.abort = new AbortController());
    let dog;
    const beat = () => {
      clearTimeout(dog);
      dog = setTimeout(() => abort.abort(), SILENCE);
    };
    // A proxy that holds the stream back says nothing at all, not even what is there at once: then we ask instead.
    const first = setTimeout(() => {
      this.polling = true;
      abort.abort();
    }, PATIENCE);
    try {
      const response = await this.call("GET", "/events", undefined, { signal: abort.signal, headers: { "last-event-id": String(this.cursor) } });
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (done) return;
        clearTimeout(first);
        beat();
        const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = parts.pop();
        for (const one of parts) this.event(one);
      }
    } finally {
      clearTimeout(first);
      clearTimeout(dog);
    }
  }

  async poll() {
    this.abort = new AbortController();
    for (let wait = 0; this.running; wait = 25) {
      const response = await this.call("GET", `/messages?after=${this.cursor}&wait=${wait}`, undefined, { signal: this.abort.signal });
      const page = await response.json();
      this.hear("batch", page.messages);
      this.hear("standing", page.standing);
      if (page.more) wait = -25;
    }
  }

  event(text) {
    let name = "";
    let data = "";
    for (const line of text.split("\n")) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data = line.slice(6);
    }
    if (!data) return;
    const value = JSON.parse(data);
    this.hear(name === "message" ? "batch" : name, name === "message" ? [value] : value);
  }

  hear(name, value) {
    if (name === "batch") {
      for (const message of value) {
        if (message.seq <= this.cursor) continue;
        this.cursor = message.seq;
        this.tell("message", message);
      }
    } else if (name === "gone") {
      this.close();
      this.tell("gone");
    } else this.tell(name, value);
    if (name === "standing" && !this.up) {
      this.up = true;
      this.failures = 0;
      this.tell("up");
    }
  }

  down() {
    this.up = false;
    this.tell("down", this.failures);
  }

  /** Wait before the next try: longer each time, never in step with others, not at all once the network is back. */
  pause() {
    const longest = Math.min(LONGEST_PAUSE, 500 * 2 ** Math.min(this.failures, 6));
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, longest * (0.5 + Math.random() / 2));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

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
