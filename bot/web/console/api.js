// Talks to the server. Changes carry the session's token; what goes wrong comes back as a Problem with words for staff.

const data = JSON.parse(document.getElementById("data")?.textContent || "{}");

/** What the page was given: outcomes, roles, permissions. */
export const given = data;

/** What the server said no to, in its own words. */
export class Problem extends Error {
  constructor(status, body) {
    super(sentence(body.detail || "Something went wrong."));
    this.status = status;
    this.member = body.member;
    this.type = body.type || "";
  }
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

async function call(method, path, body) {
  const options = { method, headers: { accept: "application/json" }, credentials: "same-origin" };
  if (method !== "GET") {
    options.headers["x-csrf-token"] = data.csrf;
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body || {});
  }
  let response;
  try {
    response = await fetch(`/staff/api/${path}`, options);
  } catch {
    throw new Problem(0, { detail: "The server cannot be reached. Nothing was changed." });
  }
  if (response.status === 401) {
    toSignIn();
    throw new Problem(401, { detail: "You are signed out." });
  }
  const type = response.headers.get("content-type") || "";
  const found = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Problem(response.status, found);
  return found;
}

/** Go to the sign-in page, and come back here after. */
export function toSignIn() {
  location.assign(`/staff/sign-in?next=${encodeURIComponent(location.pathname)}`);
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path, body) => call("DELETE", path, body);

/** Return a path part that is safe in an address. */
export const part = (text) => encodeURIComponent(text);
/** The same for keys that hold slashes. */
export const keyPart = (key) => key.split("/").map(encodeURIComponent).join("/");
