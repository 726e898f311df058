// Latency: how long answers take, where the time goes, and what was different in a spike. Refuses to
// name a cause by itself: figures and findings are the server's, changes are told by their time.
import { html } from "../html.mjs";
import { ms, stamp } from "../format.mjs";
import { go, pageLink, params, replaceParams, withParams } from "../state/address.mjs";
import { useAnswer } from "../state/answers.mjs";
import { changesIn, useChanges } from "../state/changes.mjs";
import { may } from "../state/session.mjs";
import { chosen, refresh, windowQuery, zoom } from "../state/window.mjs";
import { Breakdown } from "../parts/breakdown.mjs";
import { Card } from "../parts/data-table.mjs";
import { Diagnosis, Sheet } from "../parts/diagnosis.mjs";
import { Figures, useFigures } from "../parts/figures.mjs";
import { HeatMap } from "../parts/heat-map.mjs";
import { Histogram } from "../parts/histogram.mjs";
import { Icon } from "../parts/icon.mjs";
import { OnDemand } from "../parts/on-demand.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { SeriesChart, targetOf } from "../parts/series-chart.mjs";
import { SwitchDialog, openSwitch } from "../parts/switch-dialog.mjs";

const FIGURES = [
  { name: "p50_latency", label: "P50" }, { name: "p95_latency", label: "P95" }, { name: "p99_latency", label: "P99" }, { name: "mean_latency", label: "Mean" },
  { name: "ttft_p95", label: "P95 TTFT" }, { name: "tpot_p95", label: "P95 per output token" }, { name: "overhead_p50", label: "P50 overhead" }, { name: "overhead_p99", label: "P99 overhead" },
];
const COLUMNS = [
  { name: "request_count", label: "Requests", unit: "count" }, { name: "p50_latency", label: "P50", unit: "ms" }, { name: "p95_latency", label: "P95", unit: "ms" },
  { name: "p99_latency", label: "P99", unit: "ms" }, { name: "ttft_p95", label: "P95 TTFT", unit: "ms" }, { name: "overhead_p99", label: "P99 overhead", unit: "ms" }, { name: "error_rate", label: "Errors", unit: "percent" },
];
/** A change is looked for so long before a spike: what was set earlier would have shown earlier. */
const BEFORE_S = 3_600;

/** The page. */
export function Latency() {
  const figures = useFigures(FIGURES);
  const stretch = spikeOf();
  const level = figures.baseline?.whole.latency_p95 ?? null;
  if (figures.kpis.get("request_count")?.value === 0) return html`<h1>Latency</h1><${Empty} title="No requests in this window">Latency needs the start and the end of a call: from the gateway, or from spans with both times. Choose a longer window, or connect an application.<//>`;
  return html`
    <div class="page-head"><h1>Latency</h1><span class="muted">successful requests; drag over a spike to see what was different in it</span></div>
    <${Failure} error=${figures.error} />
    <${Figures} label="Latency in this window" names=${FIGURES} figures=${figures} />
    <${SeriesChart} title="Latency over time" unit="ms" target=${targetOf(figures.kpis.get("p95_latency"), "P95")} onSpike=${choose} stretch=${stretch} height=${260}
      lines=${[{ name: "p50_latency", label: "P50" }, { name: "p95_latency", label: "P95", baseline: level, width: 2 }, { name: "p99_latency", label: "P99" }, { name: "mean_latency", label: "mean", width: 1.25 }]}>
      ${stretch !== null && html`<${Stretch} stretch=${stretch} />`}
    <//>
    ${stretch !== null && html`<${Spike} stretch=${stretch} />`}
    <${Heat} />
    <div class="columns">
      <${SeriesChart} title="Time to first token" hint="streamed requests;" unit="ms" height=${170} lines=${[{ name: "ttft_p50", label: "P50" }, { name: "ttft_p95", label: "P95" }]} />
      <${SeriesChart} title="Gateway overhead" hint="what flowgauge itself adds, the wait for a budget among it; it keeps no queue;" unit="ms" height=${170} lines=${[{ name: "overhead_p50", label: "P50" }, { name: "overhead_p99", label: "P99" }]} />
    </div>
    ${stretch === null && html`<${OnDemand} title="How it is spread" requests=${figures.kpis.get("request_count")?.value} address=${windowQuery()}><${Spread} /><//>`}
    <${Breakdown} dim="model" title="By model" columns=${COLUMNS} />
    <${Breakdown} dim="endpoint" title="By route" columns=${COLUMNS} />
    <${Breakdown} dim="intent" title="By intent" columns=${COLUMNS} />
    <${SwitchDialog} />`;
}

/** How all calls were spread at each time: two humps and rare slow ones, which quantiles hide. */
function Heat() {
  const { data, error } = useAnswer(`/api/v1/heat?${windowQuery({ step: chosen().step })}`, refresh());
  return html`<${Card} title="How latency was spread over time" hint="calls by time and duration, in steps of 19 %"><${Failure} error=${error} />${data !== null && html`<${HeatMap} label="How latency was spread over time" told=${data} />`}<//>`;
}

/** The stretch of the address, in unix seconds. */
function spikeOf() {
  const [from, to] = [params.value.get("spike_from"), params.value.get("spike_to")].map((text) => (text === null ? Number.NaN : Date.parse(text) / 1000));
  return from < to ? [from, to] : null;
}

/** Whole minutes, at least one: figures are kept by minutes. */
function choose(from, to) {
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const [first, last] = [Math.floor(from / 60) * 60, Math.ceil(to / 60) * 60];
  go(withParams({ spike_from: iso(first), spike_to: iso(Math.max(last, first + 60)) }));
}

const without = { spike_from: null, spike_to: null };

function Stretch({ stretch: [from, to] }) {
  const into = () => {
    replaceParams(without);
    zoom(from, to);
  };
  return html`
    <p class="alert-actions" data-spike>
      <span>Looking into <b class="number">${stamp(new Date(from * 1000), false)} – ${stamp(new Date(to * 1000), false)}</b></span>
      <button type="button" onClick=${into}>Zoom into it</button>
      <a class="button" href=${withParams(without)}>Leave it</a>
    </p>`;
}

/** Question about the stretch within its window: the window is widened where it ended before the stretch. */
function spikeQuery([from, to], extra) {
  return windowQuery({ ...extra, spike_from: new Date(from * 1000).toISOString(), spike_to: new Date(Math.min(to * 1000, Date.now())).toISOString() });
}

function Spike({ stretch }) {
  const { data, error } = useAnswer(`/api/v1/diagnoses/distribution?${spikeQuery(stretch, { metric: "latency" })}`);
  return html`
    <h2 class="part-title">What was different</h2>
    <${Failure} error=${error} />
    <${Preceding} stretch=${stretch} />
    ${data !== null && html`
      <${Diagnosis} told=${data} />
      <${Sheet} told=${data} title="largest" label="Slowest requests in it" hint="choose one for its waterfall" values=${{ latency: (_, value) => ms(value) }} />
      <${Sheet} told=${data} title="what is different about the high ones" label="What is different about them" hint="over-represented among the slow ones: a risk ratio above 1, with its interval" values=${{ value: filterLink }} />
      <${SpreadOf} told=${data} title="How it was spread" />`}`;
}

/** A value as a filter, where its dimension is one. */
function filterLink(row, value) {
  if (!["model", "intent", "endpoint", "cache", "service", "provider"].includes(row[0]) || value.startsWith("(")) return value;
  return html`<a href=${pageLink("/requests", { where: `${row[0]}=${value}` })}>${value}</a>`;
}

/** The change that came before, and the way back. */
function Preceding({ stretch: [from, to] }) {
  const near = changesIn(useChanges(), [from - BEFORE_S, to]);
  if (near.length === 0) return html`<p class="note"><${Icon} name="none" /><span>Nothing was changed in the hour before. The cause lies outside: provider, traffic, or the application.</span></p>`;
  return html`
    <ul class="preceding" aria-label="Changes before it">${near.slice(0, 5).map((one) => html`
      <li class="note" key=${one.at + one.text} data-preceding=${one.id ?? one.kind}>
        <${Icon} name="warning" />
        <span class="break"><b>${one.id === null ? one.kind : `Change ${one.id}`}</b>, ${sooner(from - one.at)}: ${one.text}${one.by && html`, by ${one.by}`}${one.reason && html` <span class="muted">${one.reason}</span>`}</span>
        ${may("operator") && one.id !== null && one.inForce && html`<span class="alert-actions"><button type="button" class="primary" onClick=${() => openSwitch({ act: "undo", id: one.id })}>Undo change ${one.id}…</button>
          <a class="button" href=${pageLink("/control")}>Roll back…</a></span>`}
      </li>`)}</ul>`;
}

const sooner = (seconds) => (seconds <= 0 ? "during it" : seconds < 90 ? `${Math.round(seconds)} s before it` : `${Math.round(seconds / 60)} min before it`);

function Spread() {
  const { data, error } = useAnswer(`/api/v1/diagnoses/distribution?${windowQuery({ metric: "latency" })}`, refresh());
  return html`<${Failure} error=${error} />${data !== null && html`<${Diagnosis} told=${data} /><${SpreadOf} told=${data} title="How it is spread" /><${Sheet} told=${data} title="quantiles" label="Where the time goes" hint="whole, until the first token, per output token, flowgauge itself" />`}`;
}

function SpreadOf({ told, title }) {
  const used = told.references.find((one) => one.used);
  const binsOf = (name) => told.sheets.find((one) => one.title === name)?.rows ?? [];
  const old = useAnswer(used === undefined || used.n === 0 || used.name === "the rest of the window" ? null : `/api/v1/diagnoses/distribution?${oldQuery(used.window)}`);
  const before = old.data?.sheets.find((one) => one.title === "histogram")?.rows ?? binsOf("histogram before");
  return html`<${Card} title=${title} hint="shares of calls, in steps of 19 %"><${Histogram} label=${title} unit="ms" now=${binsOf("histogram")} before=${before} beforeName=${used?.name ?? ""} /><//>`;
}

function oldQuery(window) {
  const query = new URLSearchParams(windowQuery({ metric: "latency" }));
  query.delete("since");
  query.set("from", new Date(window.from / 1000).toISOString());
  query.set("to", new Date(window.to / 1000).toISOString());
  return query.toString();
}
