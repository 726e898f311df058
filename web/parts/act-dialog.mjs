// A dialog that changes something: what it will do, why, by whom. Refuses without a reason and a name.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { send } from "../state/answers.mjs";
import { recall, remember } from "../state/theme.mjs";
import { session } from "../state/session.mjs";
import { Dialog } from "./dialog.mjs";

/** Who changed something last in this browser. */
const KEPT = "flowgauge.name";

/**
 * `what`: `{title, hint, doer, method, url, body(reason, author, form), done(data)}`, null while it is closed; `asks` and `most` where
 * something else than a reason is asked for. `children` are further fields of the form.
 */
export function ActDialog({ id, what, close, children = null }) {
  return html`<${Dialog} id=${id} title=${what?.title ?? ""} open=${what !== null} close=${close}>${what !== null && html`<${Form} what=${what} close=${close}>${children}<//>`}<//>`;
}

function Form({ what, close, children }) {
  const [failed, setFailed] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const author = form.get("by").trim();
    remember(KEPT, author);
    const { data, problem } = await send(what.method ?? "POST", what.url, what.body(form.get("reason").trim(), author, form));
    if (problem !== null) {
      setFailed(problem);
      return;
    }
    close();
    what.done?.(data);
  };
  return html`
    <form class="silence-form" onSubmit=${submit}>
      <p class="muted">${what.hint}</p>
      ${children}
      <label>${what.asks ?? "Why"}<input name="reason" required maxlength=${what.most ?? 4000} /></label>
      <label>Your name<input name="by" required maxlength="200" autocomplete="name" value=${recall(KEPT) ?? session.value?.name ?? ""} /></label>
      ${failed !== null && html`<p class="tone-critical break" role="alert">${failed}</p>`}
      <div class="alert-actions"><button class="primary">${what.doer}</button><button type="button" onClick=${close}>Cancel</button></div>
    </form>`;
}
