// The window broken down by model. Refuses to sum: every row is the server's own figure.
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, inUnit } from "../format.mjs";
import { useAnswer } from "../state/answers.mjs";
import { filters, windowQuery } from "../state/window.mjs";
import { withParams } from "../state/address.mjs";
import { Failure } from "./note.mjs";

const COLUMNS = [
  { name: "request_count", label: "Requests", unit: "count" },
  { name: "p50_latency", label: "P50", unit: "ms" },
  { name: "p95_latency", label: "P95", unit: "ms" },
  { name: "error_rate", label: "Errors", unit: "percent" },
  { name: "tokens_per_request", label: "Tokens / request", unit: "tokens" },
  { name: "total_cost", label: "Cost", unit: "usd" },
];

/** The card; nothing while there is nothing. */
export function ByModel({ every }) {
  const query = windowQuery({ kpi: COLUMNS.map((c) => c.name).join(","), by: "model" });
  const { data, error } = useAnswer(`/api/v1/series?${query}`, every);
  if (data === null) return html`<${Failure} error=${error} />`;
  if (data.rows.length === 0) return null;
  const rows = [...data.rows].sort((a, b) => (b.values[0].n ?? 0) - (a.values[0].n ?? 0));
  return html`
    <section class="card">
      <div class="card-head"><h2>By model</h2><span class="muted">n beside each figure; choose a model to filter</span></div>
      <div class="scroll" role="region" aria-label="Figures by model" tabindex="0">
        <table class="figures-table">
          <thead><tr><th scope="col">Model</th>${COLUMNS.map((c) => html`<th scope="col" class="right">${c.label}</th>`)}</tr></thead>
          <tbody>${rows.map((row) => html`<${ModelRow} key=${row.key[0]} row=${row} />`)}</tbody>
        </table>
      </div>
    </section>`;
}

function ModelRow({ row }) {
  const model = row.key[0];
  const where = [...filters().filter((f) => !f.startsWith("model=")), `model=${model}`];
  return html`
    <tr>
      <th scope="row">${model === "" ? html`<span class="muted">not reported</span>` : html`<a href=${withParams({ where })}>${model}</a>`}</th>
      ${row.values.map((measured, i) => html`<${Measured} measured=${measured} unit=${COLUMNS[i].unit} />`)}
    </tr>`;
}

function Measured({ measured, unit }) {
  const value = measured.value.value ?? null;
  const text = value === null ? UNKNOWN_WORDS[measured.value.unknown] : inUnit(value, unit);
  return html`<td class="right number">${value === null ? html`<span class="muted">${text}</span>` : text}${unit !== "count" && html` <small class="muted">n ${measured.n}</small>`}</td>`;
}
