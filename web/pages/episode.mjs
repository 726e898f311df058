// One episode: what happened, what was told, who looked after it. Refuses markup: texts are shown as text.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { stamp } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { change, useAnswer } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { figureText, labelText, lengthText } from "../alerts.mjs";
import { AlertState, SeverityWord } from "../parts/alert-state.mjs";
import { endWords } from "../parts/episode-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";

/** While it is open. */
const REFRESH_MS = 5_000;

/** The page. */
export function Episode({ id }) {
  const { data, error } = useAnswer(`/api/v1/alerts/episodes/${encodeURIComponent(id)}`, REFRESH_MS);
  return html`
    <a class="back" href=${pageLink("/alerts")}><${Icon} name="back" />Alerts</a>
    ${data === null && html`<h1>Episode</h1>`}
    <${Failure} error=${error} />
    ${data !== null && html`<${Told} episode=${data} />`}`;
}

function Told({ episode }) {
  return html`
    <div class="page-head">
      <h1 class="break">${episode.rule}</h1><${SeverityWord} severity=${episode.severity} />
      <span class="muted">${endWords(episode)}</span>
      ${episode.ended === null && episode.acked === null && html`<${Acknowledge} id=${episode.id} />`}
    </div>
    <section class="card"><dl class="facts">${facts(episode).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="break">${value}</dd></div>`)}</dl></section>
    <section class="card">
      <div class="card-head"><h2>What moved</h2></div>
      <ol class="moved">${episode.transitions.map((moved) => html`<li key=${moved.at + moved.to}><span class="number muted">${stamp(new Date(moved.at))}</span> <${AlertState} state=${moved.to} /> <span class="break">${moved.why}</span></li>`)}</ol>
    </section>
    <section class="card">
      <div class="card-head"><h2>What was told</h2></div>
      ${episode.deliveries.length === 0 ? html`<p class="muted">Nothing.</p>` : html`<ol class="moved">${episode.deliveries.map((one) => html`<${Message} key=${one.seq} one=${one} />`)}</ol>`}
    </section>`;
}

function Message({ one }) {
  const tries = one.attempts > 1 ? `, ${one.attempts} attempts` : "";
  return html`
    <li>
      <span class="number muted">${stamp(new Date(one.sent ?? one.due))}</span> <b>${one.channel}</b> ${one.kind.replaceAll("_", " ")}: ${one.state.replaceAll("_", " ")}${tries}
      ${one.answer !== null && html` <span class="muted break">${one.answer}</span>`}
      <p class="break">${one.text}</p>
    </li>`;
}

function Acknowledge({ id }) {
  const [said, setSaid] = useState(null);
  const send = async () => setSaid((await change("POST", `/api/v1/alerts/episodes/${id}/ack`, { by: "the page" })) ?? "Acknowledged");
  if (!may("operator")) return null;
  return html`<button type="button" class="page-tools" onClick=${send}>Acknowledge</button><span role="status">${said}</span>`;
}

function facts(episode) {
  const at = (text) => stamp(new Date(text));
  const all = [
    ["Labels", labelText(episode.labels) || "–"], ["First violation", at(episode.started)], ["Fired", at(episode.fired)],
    ["Ended", episode.ended === null ? "not yet" : at(episode.ended)], ["Lasted", lengthText(episode.lasted_s)], ["Peak", episode.peak_text ?? "–"],
    ["Last violation", `${at(episode.last_violation)}: ${figureText(episode.figures)}`], ["Violating evaluations", episode.violations],
    ["Acknowledged", episode.acked === null ? "no" : `by ${episode.acked_by}, ${at(episode.acked)}`],
  ];
  if (episode.ack_note !== null) all.push(["Note", episode.ack_note]);
  if (episode.actions.length > 0) all.push(["Done about it", episode.actions.join("; ")]);
  if (episode.late) all.push(["Note of the engine", "evaluated late, after a restart"]);
  return all;
}
