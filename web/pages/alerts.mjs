// Alerts: what fires, what waits, what is hidden, whom it reached. Refuses to judge: states are the
// server's, and every change is asked of it.
import { html } from "../html.mjs";
import { useAnswer } from "../state/answers.mjs";
import { ActiveAlerts } from "../parts/active-alerts.mjs";
import { AlertRules } from "../parts/alert-rules.mjs";
import { Channels } from "../parts/channels.mjs";
import { EpisodeTable } from "../parts/episode-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";
import { SilenceDialog, Silences } from "../parts/silences.mjs";
import { ago } from "../format.mjs";
import { activeOf, verdictOf } from "../alerts.mjs";

/** Rules are evaluated every ten seconds; asking twice in that time shows a change soon enough. */
const REFRESH_MS = 5_000;

/** The page. */
export function Alerts() {
  const { data, error } = useAnswer("/api/v1/alerts", REFRESH_MS);
  const silences = useAnswer("/api/v1/alerts/silences", REFRESH_MS);
  const told = useAnswer("/api/v1/alerts/deliveries", REFRESH_MS);
  const history = useAnswer("/api/v1/alerts/episodes?since=7d&limit=25", REFRESH_MS);
  return html`
    <div class="page-head"><h1>Alerts</h1>${data !== null && html`<span class="muted">${evaluated(data)}</span>`}</div>
    <${Failure} error=${error ?? silences.error ?? told.error ?? history.error} />
    ${data !== null && html`<${Standing} view=${data} />`}
    ${data !== null && html`<${ActiveAlerts} active=${activeOf(data)} external=${data.external} />`}
    ${data !== null && html`<${AlertRules} rules=${data.rules} />`}
    ${silences.data !== null && html`<${Silences} all=${silences.data} />`}
    ${told.data !== null && html`<${Channels} told=${told.data} />`}
    ${history.data !== null && html`<${EpisodeTable} title="Fired in the last 7 days" rows=${history.data.items} more=${history.data.next_cursor !== null} />`}
    <${SilenceDialog} />`;
}

const evaluated = (view) => (view.at === null ? "not evaluated yet" : `evaluated ${ago(new Date(view.at), Date.now())}`);

function Standing({ view }) {
  const { tone, icon, text } = verdictOf(view);
  return html`
    <div class=${`verdict verdict-${tone}`} data-verdict=${tone}><p role="status"><${Icon} name=${icon} />${text}</p></div>
    ${view.load_error !== null && html`<div class="note note-critical"><${Icon} name="critical" /><span>The rule files were refused; the rules before stay in force. <span class="break">${view.load_error}</span></span></div>`}
    ${view.warnings.map((text) => html`<p class="note" key=${text}><${Icon} name="warning" /><span>${text}</span></p>`)}`;
}
