// The dialog that rolls back, lifts the switch or undoes a change. Refuses to do it without a reason and a name; what came of
// each step is shown as the server says it.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { nameOf } from "../control.mjs";
import { change } from "../state/answers.mjs";
import { session } from "../state/session.mjs";
import { Dialog } from "./dialog.mjs";
import { recall, remember } from "../state/theme.mjs";

/** Who changed something last in this browser. */
const KEPT = "flowgauge.name";

/** What is to be done; null while the dialog is closed. */
const wanted = signal(null);

/** Opens the dialog. */
export const openSwitch = (what) => (wanted.value = what);

const TITLES = {
  rollback: ({ only }) => (only === undefined ? "Roll back all optimisations" : `Roll back ${nameOf(only).toLowerCase()}`),
  restore: () => "Lift the switch",
  undo: ({ id }) => `Undo change ${id}`,
};
const HINTS = {
  rollback: "The next request is untouched; nothing restarts. Answers in memory are dropped.",
  restore: "What was switched off works again as it is set.",
  undo: "What later changes set again stays as they set it.",
};

/** The dialog. */
export function SwitchDialog() {
  const what = wanted.value;
  const title = what === null ? "" : TITLES[what.act](what);
  return html`
    <${Dialog} id="switch-title" title=${title} open=${what !== null} close=${() => (wanted.value = null)}>
      <${Form} key=${JSON.stringify(what)} what=${what} />
    <//>`;
}

function Form({ what }) {
  const [failed, setFailed] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const author = form.get("by").trim();
    remember(KEPT, author);
    const body = { author, reason: form.get("reason").trim() };
    if (what.act !== "undo") body[what.only === undefined ? "all" : "only"] = what.only === undefined ? true : [what.only];
    const url = what.act === "undo" ? `/api/v1/control/changes/${what.id}/undo` : `/api/v1/control/${what.act}`;
    const problem = await change("POST", url, body);
    if (problem === null) wanted.value = null;
    else setFailed(problem);
  };
  return html`
    <form class="silence-form" onSubmit=${submit}>
      <p class="muted">${HINTS[what.act]}</p>
      <label>Why<input name="reason" required maxlength="4000" /></label>
      <label>Your name<input name="by" required maxlength="200" autocomplete="name" value=${recall(KEPT) ?? session.value?.name ?? ""} /></label>
      ${failed !== null && html`<p class="tone-critical" role="alert">${failed}</p>`}
      <div class="alert-actions"><button class="primary">${what.act === "rollback" ? "Roll back" : what.act === "undo" ? "Undo" : "Lift"}</button><button type="button" onClick=${() => (wanted.value = null)}>Cancel</button></div>
    </form>`;
}
