// Tokens and cost: how many, for what, at which price, and how far the budget goes. Refuses to price
// anything: costs are the server's, and what has no price is counted as such.
import { html } from "../html.mjs";
import { count, percent, stamp, usd } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { useAnswer } from "../state/answers.mjs";
import { refresh, windowQuery } from "../state/window.mjs";
import { Breakdown } from "../parts/breakdown.mjs";
import { Snippet } from "../parts/copy.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Diagnosis, Sheet } from "../parts/diagnosis.mjs";
import { Figures, useFigures } from "../parts/figures.mjs";
import { Icon } from "../parts/icon.mjs";
import { OnDemand } from "../parts/on-demand.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { SeriesChart } from "../parts/series-chart.mjs";

const FIGURES = [
  { name: "total_cost", label: "Cost" }, { name: "cost_per_request", label: "Cost per request" }, { name: "daily_cost", label: "Cost per day" }, { name: "monthly_cost", label: "Cost per month" },
  { name: "budget_utilization", label: "Budget used" }, { name: "total_tokens", label: "Tokens" }, { name: "tokens_per_request", label: "Tokens per request" }, { name: "token_reduction", label: "Token reduction" },
  { name: "estimated_usage", label: "Counts estimated" }, { name: "unpriced_calls", label: "Calls without price" }, { name: "token_efficiency", label: "Token efficiency" }, { name: "cost_per_quality_unit", label: "Cost per quality unit" },
];
const COLUMNS = [
  { name: "total_cost", label: "Cost", unit: "usd" }, { name: "cost_per_request", label: "Per request", unit: "usd" }, { name: "request_count", label: "Requests", unit: "count" },
  { name: "input_tokens", label: "Tokens in", unit: "tokens" }, { name: "output_tokens", label: "Tokens out", unit: "tokens" }, { name: "tokens_per_request", label: "Per request", unit: "tokens" }, { name: "unpriced_calls", label: "No price", unit: "count" },
];

/** The page. */
export function Cost() {
  const figures = useFigures(FIGURES);
  if (figures.kpis.get("request_count")?.value === 0) return html`<h1>Tokens & cost</h1><${Empty} title="No requests in this window">Tokens come from the provider's usage, costs from the price table. Choose a longer window, or connect an application.<//>`;
  const baseline = figures.baseline?.whole ?? {};
  return html`
    <div class="page-head"><h1>Tokens & cost</h1><span class="muted">what was billed; unknown is not zero</span></div>
    <${Failure} error=${figures.error} />
    <${Unpriced} kpi=${figures.kpis.get("unpriced_calls")} />
    <${Figures} label="Tokens and cost in this window" names=${FIGURES} figures=${figures} />
    <div class="columns">
      <${SeriesChart} title="Cost over time" unit="usd" lines=${[{ name: "total_cost", label: "cost" }]} />
      <${SeriesChart} title="Cost per request" unit="usd" lines=${[{ name: "cost_per_request", label: "per request", baseline: baseline.cost }]} />
      <${SeriesChart} title="Tokens by type" unit="tokens" lines=${[{ name: "input_tokens", label: "in" }, { name: "output_tokens", label: "out" }]} />
      <${SeriesChart} title="Tokens per request" unit="tokens" lines=${[{ name: "tokens_per_request", label: "per request", baseline: baseline.tokens }]} />
    </div>
    <${OnDemand} title="What moved" requests=${figures.kpis.get("request_count")?.value} address=${windowQuery()}><${Where} /><//>
    <${Breakdown} dim="model" title="By model" columns=${COLUMNS} />
    <${Breakdown} dim="endpoint" title="By route" columns=${COLUMNS} />
    <${Breakdown} dim="service" title="By app" columns=${COLUMNS} />
    <${Breakdown} dim="intent" title="By intent" columns=${COLUMNS} />
    <${Forecast} />
    <${Budgets} />
    <${Prices} />`;
}

function Unpriced({ kpi }) {
  if (!(kpi?.value > 0)) return null;
  return html`
    <section class="empty" data-unpriced>
      <h2>${count(kpi.value)} calls have no price</h2>
      <p>Their cost is unknown and missing from every sum. Name a price, and it counts from the next call on; the table at the end says which models lack one. <a href=${pageLink("/settings")}>Prices</a></p>
    </section>`;
}

/** Movers and reduction, as the server reads them. */
function Where() {
  const tokens = useAnswer(`/api/v1/diagnoses/tokens?${windowQuery()}`, refresh());
  const cost = useAnswer(`/api/v1/diagnoses/distribution?${windowQuery({ metric: "cost" })}`, refresh());
  const reduction = useAnswer(`/api/v1/diagnoses/reduction?${windowQuery()}`, refresh());
  return html`
    <h2 class="part-title">What moved</h2>
    <${Failure} error=${tokens.error ?? cost.error ?? reduction.error} />
    ${tokens.data !== null && html`<${Diagnosis} told=${tokens.data} />`}
    ${cost.data !== null && html`<${Diagnosis} told=${cost.data} />`}
    <div class="columns">
      ${cost.data !== null && html`<${Sheet} told=${cost.data} title="largest" label="Dearest requests" unit="usd" />`}
      ${reduction.data !== null && html`<${Sheet} told=${reduction.data} title="reduction" label="Reduction by optimisation" hint=${reduction.data.sentence} />`}
      ${tokens.data !== null && html`<${Sheet} told=${tokens.data} title="by user" label="By user" hint="keyed hashes, never names" empty=${NOBODY} />`}
      ${tokens.data !== null && html`<${Sheet} told=${tokens.data} title="cost by user" label="Cost by user" hint="the dearest first; of the calls read, at most 20,000 spread over the window" values=${{ "no price": lacking }} empty=${NOBODY} />`}
    </div>`;
}

const NOBODY = "No call names its user: by x-flowgauge-user, or by user in the request.";

/** Calls whose cost is unknown are said, never taken for free. */
const lacking = (row, n) => (n === 0 ? "0" : html`<span class="tone-warning">${n === 1 ? "1 call" : `${count(n)} calls`} without price</span>`);

/** Days move by the day. */
const FORECAST_MS = 600_000;
const WHY = { too_few: "fewer than 14 days with costs are known", no_data: "no day with costs is known", not_priced: "no call has a price" };

/** What the month will cost, whatever the filters: the reports say the same. */
function Forecast() {
  const { data, error } = useAnswer("/api/v1/forecast", FORECAST_MS);
  return html`
    <${Card} title="Forecast of the month" hint=${data === null ? null : `${data.month}; all calls, whatever the filter`}>
      <${Failure} error=${error} />
      ${data !== null && html`<${Foreseen} told=${data} />`}
    <//>`;
}

function Foreseen({ told }) {
  const money = (text) => usd(Number(text));
  if (told.cost_usd === null) return html`<p class="muted" data-forecast>Not known yet: ${WHY[told.unknown] ?? told.unknown} (${count(told.days)} of 14 days).</p>`;
  const level = `${(100 * told.level).toFixed(0)} %`;
  const facts = [
    ["At its end", money(told.cost_usd)], [`With ${level} between`, `${money(told.low_usd)} and ${money(told.high_usd)}`], ["Days behind it", count(told.days)],
    ["Budget of the month", told.budget_usd === null ? "none is set" : money(told.budget_usd)],
  ];
  return html`
    <dl class="facts" data-forecast>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>
    ${told.budget_usd !== null && html`<${Against} told=${told} />`}
    <p class="muted">${told.method}</p>`;
}

/** The budget against the ends of the interval. */
function Against({ told }) {
  const [low, high, budget] = [told.low_usd, told.high_usd, told.budget_usd].map(Number);
  const [tone, text] = low > budget ? ["critical", "The whole interval lies over the budget."] : high > budget ? ["warning", "The budget lies within the interval: it may not last."] : ["good", "The whole interval lies within the budget."];
  return html`<p><span class=${`status tone-${tone}`}><${Icon} name=${tone} />${text}</span></p>`;
}

const EXAMPLE = 'budgets:\n  - {name: company, limit: 2000 USD, period: month}';

function Budgets() {
  const { data, error } = useAnswer("/api/v1/budgets", refresh());
  return html`
    <${Card} title="Budgets" hint="spent and set aside in the current period">
      <${Failure} error=${error} />
      ${data !== null && (data.length === 0 ? html`<p class="muted">No budget is set. A budget refuses calls before the money is spent; it stands in the configuration:</p><${Snippet} label="A budget" code=${EXAMPLE} />` : html`<${DataTable} label="Budgets" rows=${data} columns=${BUDGET} />`)}
    <//>`;
}

const dollars = (name) => ({ right: true, of: (row) => Number(row[name]), show: (row) => usd(Number(row[name])) });
const BUDGET = [
  { title: "Budget", of: (row) => row.budget }, { title: "Of", of: (row) => (row.subject === null ? row.per : `${row.per} ${row.subject}`) }, { title: "Period", of: (row) => row.period },
  { title: "Limit", ...dollars("limit_usd") }, { title: "Spent", ...dollars("spent_usd"), definition: "Counted of ended calls" }, { title: "Of it assumed", ...dollars("assumed_usd"), definition: "Stands in for costs nobody knows" },
  { title: "Set aside", ...dollars("reserved_usd"), definition: "For calls on their way" }, { title: "Unsettled", ...dollars("unsettled_usd"), definition: "For calls whose end a crash hid" },
  { title: "Used", right: true, of: (row) => row.used_percent, show: (row) => html`<${Used} share=${row.used_percent} />` },
  { title: "Begins anew", of: (row) => row.resets_at, show: (row) => stamp(new Date(row.resets_at), false) },
];

function Used({ share }) {
  if (share === null) return "–";
  const tone = share >= 100 ? "critical" : share >= 80 ? "warning" : "good";
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${tone} />${percent(share)}</span>`;
}

function Prices() {
  const { data, error } = useAnswer(`/api/v1/prices?${windowQuery()}`.replace(/&where=[^&]*/g, ""));
  return html`
    <${Card} title="Prices in force" hint=${data === null ? null : `table ${data.version}`}>
      <${Failure} error=${error} />
      ${data !== null && html`<${PriceTables} told=${data} />`}
    <//>`;
}

function PriceTables({ told }) {
  const lacking = told.unpriced ?? [];
  return html`
    <p class="muted">${told.tables.map((one) => `${one.table}: ${count(one.rows)} rows of ${one.date ?? "no date"}, ${one.source ?? "the operator's file"}`).join("; ")}</p>
    ${lacking.length > 0 && html`
      <${DataTable} label="Models without a price" rows=${lacking} columns=${[
        { title: "Model without a price", of: (row) => (typeof row === "string" ? row : row.model) },
        { title: "Calls", right: true, of: (row) => row.calls ?? row.n ?? null },
      ]} />`}`;
}
