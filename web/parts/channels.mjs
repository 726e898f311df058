// Channels with their last delivery, and what could not be delivered. Refuses to hide a dead letter.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { ago, stamp } from "../format.mjs";
import { change } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { Icon } from "./icon.mjs";

const when = (text) => (text === null ? "never" : ago(new Date(text), Date.now()));

/** The tables. */
export function Channels({ told }) {
  return html`
    ${told.channels.length > 0 && html`
      <section class="card">
        <div class="card-head"><h2>Channels</h2></div>
        <div class="scroll" role="region" aria-label="Channels" tabindex="0">
          <table>
            <caption class="visually-hidden">Channels</caption>
            <thead><tr><th scope="col">Channel</th><th scope="col">State</th><th scope="col">Delivered</th><th scope="col">Failed</th><th scope="col" class="right">Waiting</th><th scope="col" class="right">Dead</th></tr></thead>
            <tbody>${told.channels.map((channel) => html`<${Line} key=${channel.name} channel=${channel} />`)}</tbody>
          </table>
        </div>
      </section>`}
    ${told.dead.length > 0 && html`<${Dead} rows=${told.dead} />`}`;
}

function Line({ channel }) {
  const { word, tone, icon } = state(channel);
  return html`
    <tr data-channel=${channel.name}>
      <th scope="row">${channel.name}${channel.kind !== null && channel.kind !== channel.name && html` <span class="muted">${channel.kind}</span>`}</th>
      <td><span class=${`status tone-${tone}`}><${Icon} name=${icon} />${word}</span></td>
      <td class="number">${when(channel.delivered)}</td>
      <td class="cut" title=${channel.answer ?? ""}>${channel.failed === null ? "–" : `${when(channel.failed)}: ${channel.answer ?? ""}`}</td>
      <td class="right number">${channel.queued}</td>
      <td class="right number">${channel.dead}</td>
    </tr>`;
}

function state(channel) {
  if (channel.kind === null) return { word: "no longer declared", tone: "muted", icon: "none" };
  if (!channel.routed) return { word: "no address", tone: "warning", icon: "warning" };
  if (channel.failed !== null && (channel.delivered === null || channel.delivered < channel.failed)) return { word: "failing", tone: "critical", icon: "critical" };
  return channel.delivered === null ? { word: "not used yet", tone: "muted", icon: "none" } : { word: "delivers", tone: "good", icon: "good" };
}

function Dead({ rows }) {
  return html`
    <section class="card">
      <div class="card-head"><h2>Not delivered</h2><span class="muted">refused for good, given up, or without an address</span></div>
      <ul class="dead">${rows.map((row) => html`<${Letter} key=${row.seq} row=${row} />`)}</ul>
    </section>`;
}

function Letter({ row }) {
  const [said, setSaid] = useState(null);
  const retry = async () => setSaid((await change("POST", `/api/v1/alerts/deliveries/${row.seq}/retry`)) ?? "It is tried again");
  return html`
    <li data-dead=${row.seq}>
      <span><b>${row.channel}</b> ${row.rule}, ${row.kind.replaceAll("_", " ")} <span class="muted number">${stamp(new Date(row.due))}</span></span>
      <span class="break muted">${row.answer ?? row.state.replaceAll("_", " ")}</span>
      ${may("operator") && html`<button type="button" onClick=${retry}>Try again</button>`} <span role="status">${said}</span>
    </li>`;
}
