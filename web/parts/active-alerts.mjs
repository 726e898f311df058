// What fires, recovers or waits, each with the figure behind it and what one can do about it.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { ago } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { change } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { ALERT_STATES, figureText, isHidden, labelText, lengthText, matchersOf, whyWords } from "../alerts.mjs";
import { AlertState, SeverityWord } from "./alert-state.mjs";
import { Icon } from "./icon.mjs";
import { openSilence } from "./silences.mjs";

/** The cards. */
export function ActiveAlerts({ active, external }) {
  if (active.length === 0 && external.length === 0) return null;
  return html`
    <section aria-label="Active alerts">
      <ul class="alerts">
        ${active.map(({ rule, instance }) => html`<${One} key=${rule.name + labelText(instance.labels)} rule=${rule} instance=${instance} />`)}
        ${external.map((alert) => html`<${Foreign} key=${labelText(alert.labels)} alert=${alert} />`)}
      </ul>
    </section>`;
}

function One({ rule, instance }) {
  const labels = labelText(instance.labels);
  const { tone } = ALERT_STATES[instance.state];
  return html`
    <li class=${`card alert alert-${tone}`} data-alert=${rule.name} data-state=${instance.state}>
      <div class="alert-head">
        <${AlertState} state=${instance.state} /><b class="break">${rule.name}</b><${SeverityWord} severity=${rule.severity} />
        ${labels !== "" && html`<span class="muted break">${labels}</span>`}
      </div>
      <p class="alert-figure"><span class="number">${figureText(instance.figures)}</span> <span class="muted">${rule.condition}</span></p>
      ${instance.figures.sentence !== null && html`<p class="muted">${instance.figures.sentence}</p>`}
      <p class="muted">${facts(rule, instance)}</p>
      <${Actions} rule=${rule} instance=${instance} />
    </li>`;
}

function facts(rule, instance) {
  const all = [`since ${ago(new Date(instance.since), Date.now())}`];
  if (instance.fires_in_s !== null) all.push(`fires in ${lengthText(instance.fires_in_s)}`);
  if (instance.unknown !== null) all.push(whyWords(instance.unknown));
  if (instance.failed !== null) all.push(`cannot be evaluated: ${instance.failed}`);
  if (instance.silenced_by.length > 0) all.push("silenced");
  if (instance.inhibited_by.length > 0) all.push(`inhibited by ${instance.inhibited_by.join(", ")}`);
  if (instance.acked_by !== null) all.push(`acknowledged by ${instance.acked_by}`);
  all.push(rule.channels.length === 0 ? "tells nobody" : `tells ${rule.channels.join(", ")}`);
  return all.join(" · ");
}

function Actions({ rule, instance }) {
  const [said, setSaid] = useState(null);
  const acknowledge = async () => {
    const failed = await change("POST", `/api/v1/alerts/episodes/${instance.episode}/ack`, { by: "the page" });
    setSaid(failed ?? "Acknowledged");
  };
  const canAck = may("operator") && instance.episode !== null && instance.acked_by === null;
  return html`
    <div class="alert-actions">
      ${canAck && html`<button type="button" onClick=${acknowledge}>Acknowledge</button>`}
      ${may("operator") && !isHidden(instance) && html`<button type="button" onClick=${() => openSilence(matchersOf(rule, instance))}>Silence…</button>`}
      ${instance.episode !== null && html`<a class="button" href=${pageLink(`/alerts/${instance.episode}`)}>History</a>`}
      ${isWebLink(rule.runbook) && html`<a class="button" href=${rule.runbook} target="_blank" rel="noopener noreferrer">Runbook</a>`}
      <span role="status">${said}</span>
    </div>`;
}

/** A runbook may be a text; only an address becomes a link. */
const isWebLink = (text) => /^https?:\/\//.test(text ?? "");

function Foreign({ alert }) {
  const { alertname, ...labels } = alert.labels;
  return html`
    <li class="card alert alert-warning" data-external>
      <div class="alert-head"><span class="status tone-warning"><${Icon} name="warning" />posted</span><b class="break">${alertname ?? "unnamed"}</b><span class="muted break">${labelText(labels)}</span></div>
      ${Object.entries(alert.annotations).map(([name, value]) => html`<p class="break" key=${name}><span class="muted">${name}</span> ${value}</p>`)}
      <p class="muted">from another system, since ${ago(new Date(alert.started), Date.now())} · only shown here</p>
    </li>`;
}
