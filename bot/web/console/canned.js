// Canned replies: short texts for the composer, with gaps that fill themselves.

import { get, part, post, put, remove } from "./api.js";
import { ask, confirm } from "./dialogs.js";
import { button, fill, h, labelled, toast } from "./dom.js";
import { nameOf } from "./state.js";
import { when } from "./time.js";

/** Draw the page. */
export async function draw(place) {
  const list = h("div", { class: "cards small-cards" });
  let placeholders = {};
  const load = async () => {
    const found = await get("canned");
    placeholders = found.placeholders;
    fill(list, found.canned.map((reply) => card(reply, () => edit(reply, placeholders, load), load)));
    if (!found.canned.length) fill(list, h("div", { class: "empty" }, h("p", {}, "No canned replies yet."), button("Begin with six common ones", async () => { await post("canned/starters"); load(); })));
  };
  place.append(h("p", { class: "hint" }, "In a reply press / to choose one. A gap such as {clinic.phone} fills itself when it is inserted."), h("p", { class: "row-actions" }, button("New canned reply", () => edit(null, placeholders, load), { kind: "primary", picture: "plus" })), list);
  await load();
}

function card(reply, change, load) {
  const away = async () => {
    if (!(await confirm("Remove this reply", reply.title, "Remove"))) return;
    await remove(`canned/${part(reply.id)}`).catch((error) => toast(error.message, "bad"));
    load();
  };
  return h("article", { class: "card" }, h("h2", {}, reply.title), h("p", { class: "text" }, reply.text), h("p", { class: "hint" }, `${nameOf(reply.member)}, ${when(reply.at)}`), h("p", { class: "row-actions" }, button("Change", change, { "aria-label": `Change: ${reply.title}` }), button("Remove", away, { kind: "danger", "aria-label": `Remove: ${reply.title}` })));
}

function edit(reply, placeholders, load) {
  const title = h("input", { type: "text", maxlength: 80, required: true, value: reply?.title || "" });
  const text = h("textarea", { rows: 6, maxlength: 2000, required: true, value: reply?.text || "" });
  const gaps = h("details", { class: "gaps" }, h("summary", {}, "Gaps that fill themselves"), h("ul", {}, Object.entries(placeholders).map(([name, value]) => h("li", {}, h("button", { type: "button", class: "chip", on: { click: () => { text.setRangeText(`{${name}}`, text.selectionStart, text.selectionEnd, "end"); text.focus(); } } }, `{${name}}`), h("span", { class: "hint" }, String(value).slice(0, 80))))));
  ask({ title: reply ? "Change a canned reply" : "New canned reply", body: [labelled("Title", title), labelled("Text", text), gaps], action: "Keep", wide: true, submit: async () => {
    const said = { title: title.value, text: text.value };
    await (reply ? put(`canned/${part(reply.id)}`, said) : post("canned", said));
    load();
  } });
}
