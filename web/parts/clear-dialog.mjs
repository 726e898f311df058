// The dialog that takes answers out of memory, all or those of a route, an intent or a model.
import { signal } from "@preact/signals";
import { html } from "../html.mjs";
import { ActDialog } from "./act-dialog.mjs";

const open = signal(false);

/** Opens it. */
export const openClear = () => (open.value = true);

const WHAT = {
  title: "Clear the cache", doer: "Clear", url: "/api/v1/cache/clear",
  hint: "Leave the fields empty to clear everything. The next request of each kind pays the full price; answers on their way are not kept.",
  body: (reason, author, form) => {
    const only = Object.fromEntries(["route", "intent", "model"].map((name) => [name, form.get(name).trim()]).filter(([, value]) => value !== ""));
    return { ...only, author, reason };
  },
};

/** The dialog. */
export const ClearDialog = () => html`
  <${ActDialog} id="clear-title" what=${open.value ? WHAT : null} close=${() => (open.value = false)}>
    ${["route", "intent", "model"].map((name) => html`<label key=${name}>Only of ${name}<input name=${name} maxlength="200" /></label>`)}
  <//>`;
