// Figures of a window with definition, n and target, beside those they are compared with.
import { html } from "../html.mjs";
import { decimal, inUnit, interval, points } from "../format.mjs";
import { byName } from "../kpi.mjs";
import { useAnswer } from "../state/answers.mjs";
import { COMPARE, comparedQuery, comparedWith, refresh, windowQuery } from "../state/window.mjs";
import { Figure } from "./tile.mjs";

/** The figures `names` of the window and of the time it is compared with, by name. Only these are asked for: some cost the server much. */
export function useFigures(names) {
  const kpi = asked(names);
  const now = useAnswer(`/api/v1/kpis?${windowQuery({ kpi })}`, refresh(), true);
  const before = comparedQuery(now.data?.window, { kpi, later_from: now.data?.window.from, later_to: now.data?.window.to });
  const then = useAnswer(before === null ? null : `/api/v1/kpis?${before}`);
  const baseline = useAnswer(comparedWith() === "baseline" ? "/api/v1/baselines/promoted" : null);
  return { snapshot: now.data, kpis: byName(now.data), before: compared(then.data, baseline.data), baseline: baseline.data, error: now.error ?? then.error ?? baselineError(baseline.error), window: now.data?.window ?? null, loaded: now.data !== null };
}

/** Names as one parameter, each once. Whether there were requests at all is always asked. */
export const asked = (names) => [...new Set(["request_count", ...names.flatMap((one) => (typeof one === "string" ? [one] : [one.name, one.also])).filter((name) => name !== undefined)])].join(",");

/** Names of the baseline's cells as KPIs. */
const CELLS = { p95_latency: "latency_p95", tokens_per_request: "tokens", cost_per_request: "cost", quality_score: "quality" };

function compared(snapshot, baseline) {
  if (comparedWith() !== "baseline") return withChanges(snapshot);
  if (baseline === null) return new Map();
  return new Map(Object.entries(CELLS).map(([name, cell]) => [name, { value: baseline.whole[cell], n: baseline.whole.requests }]));
}

/** KPIs of the compared window, each with its change up to now where the server knows its interval. */
function withChanges(snapshot) {
  const kpis = byName(snapshot);
  for (const change of snapshot?.changes ?? []) if (kpis.has(change.name)) kpis.set(change.name, { ...kpis.get(change.name), change });
  return kpis;
}

const baselineError = (error) => (error === null ? null : `There is no baseline to compare with: ${error}`);

/** A row of figures: `[{name, label}]`. */
export const Figures = ({ label, names, figures }) => html`
  <dl class="figures card" aria-label=${label}>
    ${names.map((one) => figures.loaded === false ? html`<div class="figure" key=${one.name}><dt>${one.label}</dt><dd><span class="figure-unknown">…</span><span class="figure-facts"></span></dd></div>` : html`<${Figure} key=${one.name} key=${one.name} label=${one.label} kpi=${figures.kpis.get(one.name)} before=${figures.before.get(one.name) ?? null} />`)}
  </dl>
  <${Definitions} names=${names} kpis=${figures.kpis} />`;

/** What the figures mean, for those who cannot point at them. */
export function Definitions({ names, kpis }) {
  const known = names.map((one) => kpis.get(one.name)).filter((kpi) => kpi !== undefined);
  if (known.length === 0) return null;
  return html`
    <details class="definitions"><summary>What these figures mean</summary>
      <dl class="facts facts-wide">${known.map((kpi) => html`<div key=${kpi.name}><dt>${kpi.title}</dt><dd>${kpi.meaning} ${kpi.target === null ? "It has no target." : `Target ${kpi.target}.`} Known from ${kpi.min_samples} samples on.</dd></div>`)}</dl>
    </details>`;
}

/** "a week earlier 812 ms, +4.2 % (1.1 to 7.3)": with the 95 % interval where it is known. */
export function beforeText(kpi, before) {
  if (before === undefined || comparedWith() === null) return null;
  if (before === null || before.value === null || before.value === undefined) return `${COMPARE[comparedWith()]}: not known`;
  const was = `${COMPARE[comparedWith()]} ${inUnit(before.value, kpi.unit)}`;
  if (before.evaluator !== undefined && before.evaluator !== kpi.evaluator) return `${was} by ${before.evaluator}`;
  if (kpi.value === null || before.value === 0) return was;
  const { percent, low, high } = before.change ?? {};
  const change = percent ?? (100 * (kpi.value - before.value)) / Math.abs(before.value);
  return `${was}, ${points(change)} %${percent === undefined ? "" : ` ${interval(low, high, decimal)}`}`;
}
