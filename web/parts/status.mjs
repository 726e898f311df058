// A state as word and icon. Refuses to say it by colour alone.
import { html } from "../html.mjs";
import { STATES } from "../kpi.mjs";
import { Icon } from "./icon.mjs";

/** State of a KPI. */
export function Status({ state }) {
  const { word, tone, icon } = STATES[state] ?? STATES.no_data;
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${icon} />${word}</span>`;
}
