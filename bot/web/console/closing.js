// "Closed now": one tap for a snow day, for today, a few hours, or until a moment.

import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { choice, h, labelled, toast } from "./dom.js";

/** Ask until when a site closes; `done` is called when it has. */
export function closeNow(site, done) {
  const hour = 3600000;
  const end = new Date();
  end.setHours(23, 59, 0, 0);
  const tomorrow = new Date(end.getTime() + 24 * hour);
  const until = choice([[end.getTime(), "For the rest of today"], [Date.now() + hour, "For 1 hour"], [Date.now() + 3 * hour, "For 3 hours"], [tomorrow.getTime(), "Until the end of tomorrow"], ["own", "Until..."]], "");
  const own = h("input", { type: "datetime-local" });
  const ownField = labelled("Day and time", own);
  ownField.hidden = true;
  until.addEventListener("change", () => (ownField.hidden = until.value !== "own"));
  const reason = h("input", { type: "text", maxlength: 100, placeholder: "snow" });
  ask({
    title: `Close ${site.title} now`,
    body: [h("p", {}, "From this moment the assistant tells visitors that you are closed."), labelled("For how long", until), ownField, labelled("Reason (visitors see it)", reason)],
    action: "Close now",
    kind: "danger",
    submit: async () => {
      const at = until.value === "own" ? new Date(own.value) : new Date(Number(until.value));
      if (Number.isNaN(at.getTime())) throw new Error("Choose a day and a time.");
      await post(`sites/${site.site}/close`, { until: at.toISOString(), reason: reason.value });
      toast(`${site.title} is closed now.`);
      done();
    },
  });
}
