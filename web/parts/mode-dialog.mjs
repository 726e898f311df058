// The dialog that sets a switch: off, shadow, a share or on; how many are held out; for how long.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { nameOf } from "../control.mjs";
import { ActDialog } from "./act-dialog.mjs";

/** Shares are millionths. */
const WHOLE = 1_000_000;
/** Little enough to do no harm, and a sample that tells within hours. */
const FIRST_SHARE = 5;
const HELD_OUT = 5;
const HOURS_S = 3_600;
const MODES = { off: "Off", shadow: "Shadow: counted, nothing is changed", canary: "Canary: for a share of the calls", on: "On" };

/** The mechanism as control tells it, null while the dialog is closed. */
const chosen = signal(null);

/** Opens the dialog. */
export const openMode = (mechanism) => (chosen.value = mechanism);

const what = (one) => ({
  title: nameOf(one.mechanism), doer: "Set", url: "/api/v1/control/changes", hint: "The next request obeys. The change stands in the timeline and can be undone.",
  body: (reason, author, form) => ({ set: settingsOf(one.mechanism, form), author, reason, ...(form.get("hours") ? { ttl_seconds: Math.round(Number(form.get("hours")) * HOURS_S) } : {}) }),
});

/** Settings of a filled form by their paths. */
export function settingsOf(mechanism, form) {
  const mode = form.get("mode");
  const millionths = (percent) => Math.round((Number(percent) / 100) * WHOLE);
  return {
    [`/rollouts/${mechanism}/mode`]: mode === "canary" ? { canary: millionths(form.get("share")) } : mode,
    ...(form.get("holdout") === null ? {} : { [`/rollouts/${mechanism}/holdout`]: millionths(form.get("holdout")) }),
  };
}

/** The dialog. */
export function ModeDialog() {
  const one = chosen.value;
  return html`<${ActDialog} id="mode-title" what=${one === null ? null : what(one)} close=${() => (chosen.value = null)}>${one !== null && html`<${Fields} key=${one.mechanism} one=${one} />`}<//>`;
}

function Fields({ one }) {
  const [mode, setMode] = useState(one.mode);
  return html`
    <label>Mode<select name="mode" value=${mode} onChange=${(event) => setMode(event.target.value)}>${Object.entries(MODES).map(([word, title]) => html`<option key=${word} value=${word}>${title}</option>`)}</select></label>
    ${mode === "canary" && html`<label>Share, percent<input name="share" type="number" min="0.01" max="100" step="0.01" required value=${one.share === null || one.share === undefined ? FIRST_SHARE : 100 * one.share} /></label>`}
    ${(mode === "canary" || mode === "on") && html`<label>Held out, percent; without it nobody can say what it brought<input name="holdout" type="number" min="0" max="50" step="0.1" required value=${one.holdout > 0 ? 100 * one.holdout : HELD_OUT} /></label>`}
    <label>For how many hours; empty for good<input name="hours" type="number" min="0.1" max="720" step="0.1" /></label>`;
}
