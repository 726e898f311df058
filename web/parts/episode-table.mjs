// Episodes, the latest first. Refuses to call a rule's change a recovery.
import { html } from "../html.mjs";
import { stamp } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { labelText, lengthText } from "../alerts.mjs";
import { SeverityWord } from "./alert-state.mjs";

/** The table, or what an empty one means. */
export function EpisodeTable({ title, rows, more }) {
  return html`
    <section class="card">
      <div class="card-head"><h2>${title}</h2>${more && html`<span class="muted">the latest ${rows.length}; <code>flowgauge alert history</code> shows all</span>`}</div>
      ${rows.length === 0 ? html`<p class="muted">Nothing.</p>` : html`
        <div class="scroll" role="region" aria-label=${title} tabindex="0">
          <table class="episodes">
            <caption class="visually-hidden">${title}</caption>
            <thead><tr><th scope="col">Fired</th><th scope="col">Rule</th><th scope="col">Severity</th><th scope="col">Labels</th><th scope="col" class="right">Lasted</th><th scope="col" class="right">Peak</th><th scope="col">Ended</th><th scope="col">Acknowledged</th></tr></thead>
            <tbody>${rows.map((row) => html`<${Line} key=${row.id} row=${row} />`)}</tbody>
          </table>
        </div>`}
    </section>`;
}

/** How an episode ended, in words. */
export const endWords = (row) => (row.ended === null ? "open" : (row.end_reason ?? "over").replaceAll("_", " "));

function Line({ row }) {
  return html`
    <tr data-episode=${row.id}>
      <th scope="row" class="number"><a href=${pageLink(`/alerts/${row.id}`)}>${stamp(new Date(row.fired))}</a></th>
      <td>${row.rule}</td>
      <td><${SeverityWord} severity=${row.severity} /></td>
      <td>${labelText(row.labels) || "–"}</td>
      <td class="right number">${lengthText(row.lasted_s)}</td>
      <td class="right number">${row.peak_text ?? "–"}</td>
      <td>${endWords(row)}</td>
      <td>${row.acked_by ?? "–"}</td>
    </tr>`;
}
