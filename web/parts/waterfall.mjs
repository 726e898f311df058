// Where the time of one call went, as bars in a table: it is its own table twin. Refuses to place a
// part whose beginning is not known.
import { html } from "../html.mjs";
import { us } from "../format.mjs";
import { latencyFrom, ttftFrom } from "../words.mjs";

const known = (value) => value !== null && value !== undefined;

/** Parts of a call: `{name, from, length, source}` in µs; `from` null where only the length is known. */
export function waterfallParts(row) {
  const parts = [];
  const total = row.latency_us;
  if (known(total)) parts.push({ name: "Whole call", from: 0, length: total, source: latencyFrom(row), kind: "total" });
  if (known(row.gateway_us)) parts.push({ name: "Gateway", from: null, length: row.gateway_us, source: "whole call − upstream; spread over the call", kind: "gateway" });
  const head = row.upstream_head_us;
  if (known(head)) parts.push({ name: "Wait for the upstream's head", from: 0, length: head, source: "gateway's own clock", kind: "wait" });
  const first = row.ttft_us;
  if (known(first)) {
    const from = known(head) && head <= first ? head : 0;
    parts.push({ name: "Until the first content", from, length: first - from, source: ttftFrom(row), kind: "wait" });
  }
  const begin = known(first) ? first : head;
  if (known(total) && known(begin) && begin <= total) {
    parts.push({ name: known(first) ? "Generation" : "Rest of the answer", from: begin, length: total - begin, source: known(first) ? "first content to the last byte" : "head to the last byte", kind: "generation" });
  }
  return parts;
}

/** The card's table. */
export function Waterfall({ row }) {
  const parts = waterfallParts(row);
  if (parts.length === 0) return html`<p class="muted">No times were reported.</p>`;
  const total = Math.max(1, ...parts.map((part) => (part.from ?? 0) + part.length));
  return html`
    <div class="scroll" role="region" aria-label="Waterfall" tabindex="0">
      <table class="waterfall">
        <caption class="visually-hidden">Where the time of this call went</caption>
        <thead><tr><th scope="col">Part</th><th scope="col" class="right">Takes</th><th scope="col" class="bar-cell">Time</th><th scope="col" class="right">Begins at</th><th scope="col">Where it comes from</th></tr></thead>
        <tbody>${parts.map((part) => html`
          <tr data-part=${part.kind}>
            <th scope="row">${part.name}</th>
            <td class="right number">${us(part.length)}</td>
            <td class="bar-cell"><${Bar} part=${part} total=${total} /></td>
            <td class="right number">${part.from === null ? "spread" : us(part.from)}</td>
            <td class="muted">${part.source}</td>
          </tr>`)}</tbody>
      </table>
    </div>`;
}

/** Widest the drawing counts; the browser stretches it. */
const UNITS = 1000;
/** Thinnest bar that is still seen. */
const THINNEST = 3;

/** One bar on the clock of a table. */
export function Bar({ part, total }) {
  const width = Math.max(THINNEST, (part.length / total) * UNITS);
  const left = Math.min(((part.from ?? 0) / total) * UNITS, UNITS - width);
  return html`
    <svg class=${`bar bar-${part.kind}`} viewBox=${`0 0 ${UNITS} 10`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect x="0" y="4.5" width=${UNITS} height="1" class="bar-rail" />
      <rect x=${left.toFixed(1)} y="1" width=${width.toFixed(1)} height="8" />
    </svg>`;
}
