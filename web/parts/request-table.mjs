// Rows of calls. Refuses to show an unknown as 0: it is a dash.
import { html } from "../html.mjs";
import { clock, count, nanos, stamp, us } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { doneWords, modelOf } from "../words.mjs";
import { CallStatus } from "./call-status.mjs";

/** The table; `short` shows only the clock time, for the tail of live calls. */
export function RequestTable({ label, rows, short = false }) {
  return html`
    <div class="scroll" role="region" aria-label=${label} tabindex="0">
      <table class="requests">
        <caption class="visually-hidden">${label}</caption>
        <thead><tr>
          <th scope="col">Time</th><th scope="col">Status</th><th scope="col">Model</th><th scope="col">Endpoint</th><th scope="col">Intent</th>
          <th scope="col" class="right">Latency</th><th scope="col" class="right">TTFT</th><th scope="col" class="right">In</th>
          <th scope="col" class="right">Cached</th><th scope="col" class="right">Out</th><th scope="col" class="right">Cost</th>
          ${!short && html`<th scope="col">Done</th>`}
        </tr></thead>
        <tbody>${rows.map((row) => html`<${Line} key=${row.call_id} row=${row} short=${short} />`)}</tbody>
      </table>
    </div>`;
}

function Line({ row, short }) {
  const date = new Date(row.start_time);
  return html`
    <tr data-call=${row.call_id}>
      <th scope="row" class="number"><a href=${pageLink(`/requests/${encodeURIComponent(row.call_id)}`)} title=${row.start_time}>${short ? clock(date) : stamp(date)}</a></th>
      <td><${CallStatus} row=${row} /></td>
      <td class="cut" title=${modelOf(row) ?? ""}>${modelOf(row) ?? "–"}</td>
      <td class="cut">${row.endpoint ?? "–"}</td>
      <td class="cut">${row.intent ?? "–"}</td>
      <td class="right number">${us(row.latency_us)}</td>
      <td class="right number">${us(row.ttft_us)}</td>
      <td class="right number">${count(row.input_tokens)}</td>
      <td class="right number">${count(row.cache_read)}</td>
      <td class="right number">${count(row.output_tokens)}</td>
      <td class="right number">${nanos(row.cost_nanos)}</td>
      ${!short && html`<td class="done" title="what memory, optimisations and retries did">${doneWords(row) ?? "–"}</td>`}
    </tr>`;
}
