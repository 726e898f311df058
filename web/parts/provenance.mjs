// Where each number of one call comes from, and the arithmetic behind its cost. Refuses to compute:
// lines, sums and reasons are the server's.
import { html } from "../html.mjs";
import { count, nanos } from "../format.mjs";

/** Every number with its source and reason. */
export function Provenance({ facts }) {
  return html`
    <div class="scroll" role="region" aria-label="Where each number comes from" tabindex="0">
      <table>
        <caption class="visually-hidden">Numbers of this call and where they come from</caption>
        <thead><tr><th scope="col">Number</th><th scope="col" class="right">Value</th><th scope="col">Source</th><th scope="col">Why</th></tr></thead>
        <tbody>${facts.map((fact) => html`
          <tr><th scope="row" class="mono">${fact.field}</th><td class="right number break">${fact.value ?? "–"}</td><td>${fact.source}</td><td class="break">${fact.why}</td></tr>`)}
        </tbody>
      </table>
    </div>`;
}

/** Bucket × rate = amount, for the call or for each of its attempts. */
export function PriceBreakdown({ told }) {
  const whose = told.attempt === null ? "Price" : `Attempt ${told.attempt}`;
  return html`
    <div class="scroll" role="region" aria-label=${`${whose}: arithmetic`} tabindex="0">
      <table class="arithmetic">
        <caption class="from muted">${whose} of ${told.model ?? "an unknown model"}${told.row !== null && `: ${told.table} row ${told.row}, found ${told.matched}`}</caption>
        <thead><tr><th scope="col">Bucket</th><th scope="col" class="right">Count</th><th scope="col" class="right">$ per million</th><th scope="col" class="right">$</th></tr></thead>
        <tbody>
          ${told.lines.map((line) => html`
            <tr><th scope="row" title=${line.rate}>${line.bucket}${line.substituted && " (another rate stood in)"}</th><td class="right number">${count(line.count)}</td>
              <td class="right number">${line.usd_per_million ?? `${line.usd_each} each`}</td><td class="right number">${line.usd ?? "–"}</td></tr>`)}
          ${told.sum_nanos !== null && html`<tr class="sum"><th scope="row" colspan="3">Together</th><td class="right number">${nanos(told.sum_nanos)}</td></tr>`}
        </tbody>
      </table>
    </div>
    ${told.note !== "" && html`<p class="muted from break">${told.note}</p>`}`;
}
