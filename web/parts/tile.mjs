// One KPI with its n, its target and its status. Refuses to show a number without them.
import { html } from "../html.mjs";
import { inUnit, kpiText, samples } from "../format.mjs";
import { beforeText } from "./figures.mjs";
import { Sparkline } from "./sparkline.mjs";
import { Status } from "./status.mjs";

/** A large figure with trend. */
export function Tile({ label, kpi, cells, also, alsoLabel, before, href = null }) {
  if (kpi === undefined) return html`<article class="tile"><h2>${label}</h2><p class="tile-value muted">…</p></article>`;
  const known = kpi.value !== null;
  return html`
    <article class="tile" data-kpi=${kpi.name} data-state=${kpi.state}>
      <h2 title=${kpi.meaning}>${href === null ? label : html`<a href=${href}>${label}</a>`}</h2>
      <p class=${known ? "tile-value number" : "tile-value tile-unknown"}>${kpiText(kpi)}</p>
      <${Status} state=${kpi.state} />
      <${Sparkline} cells=${cells} />
      <p class="tile-facts">
        <span data-fact="n" class="number">${samples(kpi.n)}</span>
        <span data-fact="target">${kpi.target === null ? "no target" : `target ${kpi.target}`}</span>
        ${kpi.evaluator && html`<span data-fact="evaluator">by ${kpi.evaluator}</span>`}
        ${kpi.interval && html`<span data-fact="interval" class="number">95 %: ${kpi.interval.map((end) => inUnit(end, kpi.unit)).join(" to ")}</span>`}
      </p>
      <${Before} kpi=${kpi} before=${before} />
      ${also && html`<p class="tile-also">${alsoText(also, alsoLabel)}</p>`}
    </article>`;
}

function alsoText(kpi, label) {
  const target = kpi.target === null ? "" : `, target ${kpi.target}`;
  const value = kpi.value === null ? kpiText(kpi) : `${inUnit(kpi.value, kpi.unit)} (${samples(kpi.n)})`;
  return `${label}: ${value}${target}`;
}

function Before({ kpi, before }) {
  const said = beforeText(kpi, before);
  return said === null ? null : html`<p class="tile-also" data-fact="before">${said}</p>`;
}

/** A small figure. */
export function Figure({ label, kpi, before }) {
  if (kpi === undefined) return null;
  const tone = { critical: "critical", alert: "warning", off_target: "warning" }[kpi.state];
  return html`
    <div class="figure" data-kpi=${kpi.name}>
      <dt title=${kpi.meaning}>${label}</dt>
      <dd>
        <span class=${kpi.value === null ? "figure-unknown" : "figure-value number"}>${kpiText(kpi)}</span>
        <span class="figure-facts">
          ${kpi.unit !== "count" && html`<span class="number">${samples(kpi.n)}</span>`}
          ${kpi.target !== null && html`<span>target ${kpi.target}</span>`}
          ${tone && html`<${Status} state=${kpi.state} />`}
          ${beforeText(kpi, before) !== null && html`<span data-fact="before">${beforeText(kpi, before)}</span>`}
        </span>
      </dd>
    </div>`;
}
