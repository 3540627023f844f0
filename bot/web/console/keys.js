// The keyboard: single keys while nothing is being typed, listed with "?". They can be switched off (WCAG 2.1.4).

import { h } from "./dom.js";
import { show } from "./dialogs.js";

const actions = new Map();
let prefix = "";
let timer = 0;

const LIST = [
  ["Anywhere", [["?", "This list"], ["/", "Search"], ["g q", "Queue"], ["g h", "Hours"], ["g a", "Answers"], ["g c", "Canned replies"], ["g n", "Notifications"], ["g o", "Overview"], ["Esc", "Back"]]],
  ["Queue", [["j", "Next"], ["k", "Previous"], ["Enter", "Open"], ["e", "I have seen it (the first that sounds)"]]],
  ["Conversation", [["e", "I have seen it"], ["t", "Take over"], ["r", "Write a reply"], ["n", "Write a note"], ["c", "Canned replies"], ["s", "Approved answers"], ["z", "Put off"], ["h", "Hand to a colleague"], ["b", "Give back to the assistant"], ["x", "Close with an outcome"], ["u", "Show or hide what the assistant understood"]]],
  ["While writing", [["Enter", "Send"], ["Shift + Enter", "New line"], ["/", "Canned replies, in an empty reply"], ["Esc", "Leave the text field"]]],
];

export const shortcuts = {
  get on() {
    return localStorage.getItem("shortcuts") !== "off";
  },
  set on(value) {
    localStorage.setItem("shortcuts", value ? "on" : "off");
  },
};

/** Say what keys do on this page; returns what takes them away again. */
export function keys(table) {
  for (const [key, call] of Object.entries(table)) actions.set(key, call);
  return () => {
    for (const [key, call] of Object.entries(table)) if (actions.get(key) === call) actions.delete(key);
  };
}

/** Begin to listen. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      if (field) field.blur();
      else actions.get("Escape")?.();
      return;
    }
    if (field || !shortcuts.on) return;
    if (event.key === "?") {
      event.preventDefault();
      return help();
    }
    const key = prefix ? `${prefix} ${event.key}` : event.key;
    prefix = "";
    clearTimeout(timer);
    if (event.key === "g" && key === "g") {
      prefix = "g";
      timer = setTimeout(() => (prefix = ""), 1200);
      return;
    }
    const call = actions.get(key);
    if (call && !(key === "Enter" && event.target.closest("a, button, summary"))) {
      event.preventDefault();
      call();
    }
  });
}

/** Show the list. */
export function help() {
  const toggle = h("input", { type: "checkbox", id: "shortcuts-on", checked: shortcuts.on, on: { change: () => (shortcuts.on = toggle.checked) } });
  const groups = LIST.map(([title, rows]) =>
    h("section", {}, h("h3", {}, title), h("dl", { class: "keys" }, rows.map(([key, text]) => h("div", {}, h("dt", {}, key.split(" ").map((one) => (one === "+" ? " + " : h("kbd", {}, one)))), h("dd", {}, text))))),
  );
  show("Keyboard", [h("div", { class: "key-groups" }, groups), h("p", { class: "check" }, toggle, h("label", { for: "shortcuts-on" }, "Single keys do something while I am not typing"))], true);
}
