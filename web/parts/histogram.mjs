// How values are spread: bars now, an outline before, as shares of their calls. Refuses to stand
// without its table twin.
import { html } from "../html.mjs";
import { count, inUnit } from "../format.mjs";
import { TableTwin } from "./table-twin.mjs";

const WIDTH = 720;
const HEIGHT = 150;
const PAD = 18;

/** `now`, `before`: `[[from, n]]` of bins in geometric steps, or with `ends` where they are not; `before` may be empty. */
export function Histogram({ label, now, before, beforeName, unit, ends = null, text = (value) => inUnit(value, unit) }) {
  const edges = [...new Set([...now, ...before].map(([from]) => from))].sort((a, b) => a - b);
  if (edges.length === 0) return html`<p class="muted">No calls in this window.</p>`;
  const step = edges.length > 1 ? edges[1] / edges[0] : 1.19;
  const share = (bins) => {
    const total = bins.reduce((sum, [, n]) => sum + n, 0);
    const of = new Map(bins);
    return edges.map((edge) => (total === 0 ? 0 : (of.get(edge) ?? 0) / total));
  };
  const [here, old] = [share(now), share(before)];
  const top = Math.max(...here, ...old, 0.001);
  const x = (i) => (i * WIDTH) / edges.length;
  const y = (v) => HEIGHT - PAD - (v / top) * (HEIGHT - PAD - 4);
  const outline = old.map((v, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}H${x(i + 1).toFixed(1)}`).join("");
  const every = Math.ceil(edges.length / 8);
  const of = (bins) => new Map(bins);
  const [counts, counted] = [of(now), of(before)];
  const range = (edge, i) => (ends === null ? `${text(edge)} – ${text(edge * step)}` : ends[i] === null ? `from ${text(edge)} on` : `${text(edge)} – ${text(ends[i])}`);
  const rows = edges.map((edge, i) => [range(edge, i), count(counts.get(edge) ?? 0), `${(100 * here[i]).toFixed(1)} %`, ...(before.length > 0 ? [count(counted.get(edge) ?? 0), `${(100 * old[i]).toFixed(1)} %`] : [])]);
  return html`
    <figure class="chart" role="figure" aria-label=${label}>
      <div class="legend"><span class="legend-item"><svg class="swatch bar-now" viewBox="0 0 24 8" aria-hidden="true"><rect width="24" height="8" /></svg>now</span>
        ${before.length > 0 && html`<span class="legend-item"><svg class="swatch series-2" viewBox="0 0 24 8" aria-hidden="true"><line x1="0" x2="24" y1="4" y2="4" /></svg>${beforeName}</span>`}</div>
      <svg class="histogram" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
        ${here.map((v, i) => html`<rect key=${i} class="bar-now" x=${x(i) + 1} y=${y(v)} width=${Math.max(1, WIDTH / edges.length - 2)} height=${HEIGHT - PAD - y(v)}><title>${rows[i][0]}: ${rows[i][1]}</title></rect>`)}
        ${before.length > 0 && html`<path class="outline series-2" d=${outline} />`}
        ${edges.map((edge, i) => i % every === 0 && html`<text key=${i} x=${x(i)} y=${HEIGHT - 4}>${text(edge)}</text>`)}
      </svg>
    </figure>
    <${TableTwin} caption=${label} head=${["From – to", "n", "share", ...(before.length > 0 ? [`n, ${beforeName}`, `share, ${beforeName}`] : [])]} rows=${rows} />`;
}
