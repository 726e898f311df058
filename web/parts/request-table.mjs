// Rows of calls. Refuses to show an unknown as 0: it is a dash.
import { html } from "../html.mjs";
import { NONE, clock, count, nanos, stamp, us } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { useOnScreen } from "../state/on-screen.mjs";
import { doneWords, modelOf } from "../words.mjs";
import { CallStatus } from "./call-status.mjs";

/** What is taken away: the units of the API, so that nothing is rounded. */
const TAKEN = [
  ["Time", (row) => row.start_time], ["Status", (row) => row.status], ["Model", modelOf], ["Endpoint", (row) => row.endpoint], ["Intent", (row) => row.intent], ["Latency µs", (row) => row.latency_us], ["TTFT µs", (row) => row.ttft_us],
  ["In", (row) => row.input_tokens], ["Cached", (row) => row.cache_read], ["Out", (row) => row.output_tokens], ["Cost nano-dollars", (row) => row.cost_nanos],
  ["Quality", (row) => row.quality], ["Quality by", (row) => row.quality_by], ["Done", doneWords], ["Request", (row) => row.call_id],
];
/** What the tail of live calls cannot know yet, or does not show. */
const LATER = ["Quality", "Quality by", "Done"];

/** The table; `short` shows only the clock time, for the tail of live calls. */
export function RequestTable({ label, rows, short = false }) {
  const taken = short ? TAKEN.filter(([title]) => !LATER.includes(title)) : TAKEN;
  useOnScreen(label, taken.map(([title]) => title), rows.map((row) => taken.map(([, of]) => of(row) ?? null)));
  return html`
    <div class="scroll" role="region" aria-label=${label} tabindex="0">
      <table class="requests">
        <caption class="visually-hidden">${label}</caption>
        <thead><tr>
          <th scope="col">Time</th><th scope="col">Status</th><th scope="col">Model</th><th scope="col">Endpoint</th><th scope="col">Intent</th>
          <th scope="col" class="right">Latency</th><th scope="col" class="right">TTFT</th><th scope="col" class="right">In</th>
          <th scope="col" class="right">Cached</th><th scope="col" class="right">Out</th><th scope="col" class="right">Cost</th>
          ${!short && html`<th scope="col" class="right" title="0 to 100, by one evaluator for all rows: the preferred one, else the one that judged most of them">Quality</th><th scope="col">Done</th>`}
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
      ${!short && html`<td class="right number" data-quality title=${row.quality_by ? `by ${row.quality_by}` : "not judged"}>${row.quality === null || row.quality === undefined ? NONE : row.quality.toFixed(1)}</td>`}
      ${!short && html`<td class="done" title="what memory, optimisations and retries did">${doneWords(row) ?? "–"}</td>`}
    </tr>`;
}
