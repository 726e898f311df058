// State and severity of an alert, as word and icon. Refuses colour alone.
import { html } from "../html.mjs";
import { ALERT_STATES, SEVERITIES } from "../alerts.mjs";
import { Icon } from "./icon.mjs";

/** State of an instance. */
export function AlertState({ state }) {
  const { word, tone, icon } = ALERT_STATES[state] ?? { word: state, tone: "muted", icon: "none" };
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${icon} />${word}</span>`;
}

/** How bad. */
export function SeverityWord({ severity }) {
  const { word, tone, icon } = SEVERITIES[severity] ?? { word: severity, tone: "muted", icon: "none" };
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${icon} />${word}</span>`;
}
