// The history of an entry: who, when, what it said before and after, and putting an older wording back.

import { get, keyPart, post } from "./api.js";
import { confirm, show } from "./dialogs.js";
import { button, fill, h, toast } from "./dom.js";
import { linesOf, wordDiff } from "./diff.js";
import { nameOf } from "./state.js";
import { full } from "./time.js";

/** Show it; `path` is the entry's address, `writable` allows to put back, `done` is called after that. */
export async function showHistory(path, title, writable, done) {
  let found;
  try {
    found = await get(keyPart(path));
  } catch (error) {
    return toast(error.message, "bad");
  }
  const list = h("ol", { class: "versions" });
  const { close } = show(`History: ${title}`, list, true);
  fill(list, found.history.map((step, number) => {
    const who = step.origin === "file" ? "From the clinic's files" : nameOf(step.member);
    const back = async () => {
      if (!(await confirm("Put this wording back", `Visitors get version ${step.version} again at once. Nothing is lost: it becomes a new version.`, "Put back", "primary"))) return;
      try {
        await post(keyPart(path), { version: step.version });
        toast("Put back.");
        close();
        done();
      } catch (error) {
        toast(error.message, "bad");
      }
    };
    return h("li", {}, h("p", { class: "who" }, h("strong", {}, `Version ${step.version}`), ` ${who}, ${full(step.at)}`, number === 0 ? h("span", { class: "chip on" }, "served now") : writable && step.after && button("Put back", back, { kind: "small" })),
      h("p", { class: "diff" }, step.after ? wordDiff(linesOf(step.before), linesOf(step.after)) : "Taken away"));
  }));
}
