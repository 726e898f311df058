// Cache: how often an answer is known already, what that saves, and how full the memory is. Refuses to
// call a near miss a hit: both are shown apart.
import { html } from "../html.mjs";
import { NONE, count, ms, percent, usd } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { REFRESH_MS, useAnswer } from "../state/answers.mjs";
import { refresh, windowQuery } from "../state/window.mjs";
import { may } from "../state/session.mjs";
import { lengthText } from "../alerts.mjs";
import { nameOf } from "../control.mjs";
import { Breakdown } from "../parts/breakdown.mjs";
import { ClearDialog, openClear } from "../parts/clear-dialog.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Figures, useFigures } from "../parts/figures.mjs";
import { Histogram } from "../parts/histogram.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";
import { SeriesChart, targetOf } from "../parts/series-chart.mjs";

const FIGURES = [
  { name: "cache_hit_rate", label: "Hit rate" }, { name: "cache_miss_rate", label: "Miss rate" }, { name: "cache_memory_usage", label: "Memory used" }, { name: "ttl_effectiveness", label: "TTL effectiveness" },
];
const COLUMNS = [
  { name: "request_count", label: "Requests", unit: "count" }, { name: "p50_latency", label: "P50", unit: "ms" }, { name: "p95_latency", label: "P95", unit: "ms" }, { name: "total_cost", label: "Cost", unit: "usd" }, { name: "total_tokens", label: "Tokens", unit: "tokens" },
];
const HITS = [{ name: "cache_hit_rate", label: "Hit rate", unit: "percent" }, { name: "request_count", label: "Requests", unit: "count" }, { name: "p95_latency", label: "P95", unit: "ms" }];
/** Advice replays hours of lookups. */
const TUNE_MS = 60_000;

/** The page. */
export function Cache() {
  const figures = useFigures(FIGURES);
  const control = useAnswer("/api/v1/control", REFRESH_MS);
  const caching = control.data?.mechanisms.find((one) => one.mechanism === "response_caching");
  return html`
    <div class="page-head"><h1>Cache</h1><span class="muted">answers kept in memory</span>${may("operator") && caching?.effective && html`<span class="page-tools"><button type="button" onClick=${openClear}>Clear…</button></span>`}</div>
    <${Failure} error=${figures.error ?? control.error} />
    ${caching !== undefined && !caching.effective && html`<${Off} />`}
    <${Figures} label="Cache in this window" names=${FIGURES} figures=${figures} />
    <${SeriesChart} title="Hit rate over time" unit="percent" target=${targetOf(figures.kpis.get("cache_hit_rate"), "hit rate")} lines=${[{ name: "cache_hit_rate", label: "hits" }, { name: "cache_miss_rate", label: "misses" }]} />
    ${control.data !== null && html`<${Memory} cache=${control.data.cache} />`}
    <${Ages} limit=${control.data?.cache.limits.ttl_seconds ?? null} />
    <${Breakdown} dim="cache" title="By outcome" columns=${COLUMNS} hint="hit, miss, disabled and bypass as calls told" />
    <${Breakdown} dim="intent" title="By intent" columns=${HITS} />
    <${Tuning} />
    <${ClearDialog} />`;
}

const Off = () => html`
  <section class="empty" data-empty><h2>Caching is off</h2>
    <p>Switch it on in shadow mode first: lookups are counted, no answer is taken from memory. <a href=${pageLink("/control")}>${nameOf("response_caching")} in Optimisations</a></p>
  </section>`;

const bytes = (value) => (value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`);
const share = (value) => (value === null || value === undefined ? NONE : percent(100 * value));

function Memory({ cache }) {
  const { counts, limits, shadow } = cache;
  const facts = [
    ["Answers held", `${count(cache.entries)} of ${count(limits.max_entries)}`], ["Memory", `${bytes(cache.bytes)} of ${bytes(limits.max_bytes)} (${share(cache.fullness)})`],
    ["Kept for", `${count(limits.ttl_seconds)} s`], ["Full: goes first", limits.eviction], ["Hits since start", `${count(counts.hits)} of ${count(counts.hits + counts.misses)} lookups (${share(counts.hit_rate)})`],
    ["Time lived of the time allowed", share(counts.ttl_effectiveness)], ["Of those gone, used before", share(counts.reuse)], ["Tokens saved", count(counts.saved_tokens)], ["Money saved", usd(Number(counts.saved_cost_usd))], ["Waiting saved", ms(counts.saved_latency_ms)],
    ["Kept", count(counts.kept)], ["Not kept", count(counts.refused)], ["Expired", count(counts.expired)], ["Evicted", count(counts.evicted)], ["Invalidated", count(counts.invalidated)], ["Cleared", count(counts.cleared)],
    ["Disputed hits", count(counts.disputed)],
  ];
  const shadows = [["Exact hits there would have been", count(shadow.exact)], ["Hits by likeness", count(shadow.semantic)], ["Compared", count(shadow.compared)], ["Of them the same", count(shadow.agreed)], ["Too unlike to serve", count(shadow.below)]];
  return html`
    <${Card} title="Memory of answers" hint="since flowgauge started">
      <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>
    <//>
    ${shadow.exact + shadow.semantic + shadow.compared > 0 && html`<${Card} title="In shadow" hint="counted, not served"><dl class="facts">${shadows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl><//>`}
    <${NearMisses} shadow=${shadow} />
    ${cache.shared !== null && cache.shared !== undefined && html`<${Card} title="Shared with other gateways"><dl class="facts">${Object.entries(cache.shared).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${String(value)}</dd></div>`)}</dl><//>`}`;
}

/** Questions that came near one in memory and were not answered from it, by what was different; most first. */
function NearMisses({ shadow }) {
  const rows = Object.entries(shadow.different).sort((a, b) => b[1] - a[1]);
  const all = rows.reduce((sum, [, n]) => sum + n, 0);
  if (all === 0) return null;
  return html`
    <${Card} title="Near misses" hint="alike enough by words, not the same in meaning">
      <${DataTable} label="Near misses" rows=${rows} keyOf=${([what]) => what} columns=${[
        { title: "What was different", of: ([what]) => what.replaceAll("_", " ") }, { title: "Questions", right: true, of: ([, n]) => n, show: ([, n]) => count(n) }, { title: "Share", right: true, of: ([, n]) => n / all, show: ([, n]) => share(n / all) },
      ]} />
      ${(shadow.near ?? []).length > 0 && html`<p class="muted">How near they were:</p><${DataTable} label="How near" rows=${[...shadow.near].reverse()} keyOf=${(row) => row.percent} columns=${[
        { title: "Likeness", right: true, of: (row) => row.percent, show: (row) => `${row.percent} – ${row.percent + 1} %` },
        { title: "Same question", right: true, of: (row) => row.same, show: (row) => count(row.same) }, { title: "Another question", right: true, of: (row) => row.different, show: (row) => count(row.different) },
      ]} />`}
    <//>`;
}

/** How old answers were when they were given again: whether they could be kept longer, or are kept too long. */
function Ages({ limit }) {
  const { data, error } = useAnswer(`/api/v1/cache/ages?${windowQuery()}`, refresh());
  if (data === null) return html`<${Failure} error=${error} />`;
  if (data.hits === 0) return null;
  const none = data.read - data.known;
  const told = [
    `${count(data.known)} hits${data.read < data.hits ? ` of ${count(data.hits)}, some of every part of the window` : ""}`, data.p50_s !== null && `half younger than ${lengthText(data.p50_s)}, 95 % than ${lengthText(data.p95_s)}`,
    limit !== null && `kept for ${lengthText(limit)}`, none > 0 && `${count(none)} do not say their age`,
  ].filter((part) => part !== false);
  return html`
    <${Card} title="Age at hit" hint="how old an answer was when it was given again">
      <${Failure} error=${error} />
      <p class="muted" data-ages=${data.known}>${told.join(" · ")}</p>
      ${data.bins.length > 0 && html`<${Histogram} label="Age at hit" now=${data.bins.map((bin) => [bin.from_s, bin.n])} before=${[]} text=${lengthText} ends=${data.bins.map((bin) => bin.to_s)} />`}
    <//>`;
}

function Tuning() {
  const { data, error } = useAnswer("/api/v1/cache/tune", TUNE_MS);
  if (data === null) return html`<${Failure} error=${error} />`;
  const rows = [{ ...data.present, now: true }, ...data.candidates.map((one) => ({ ...one, ...(one.outcome ?? {}), now: false }))];
  return html`
    <${Card} title="Other bounds" hint="lookups of late replayed; nothing is changed">
      <p><${Icon} name="none" /> ${data.advice.advice.replaceAll("_", " ")}${data.advice.reason ? `: ${data.advice.reason}` : ""}</p>
      <p class="muted">Likeness (served from ${data.serve}): ${data.threshold.advice.replaceAll("_", " ")}${data.threshold.reason ? `, ${data.threshold.reason}` : ""}.</p>
      <${DataTable} label="Other bounds of the cache" rows=${rows} columns=${[
        { title: "Bounds", of: (row) => (row.now ? "now" : "other") }, { title: "Memory", right: true, of: (row) => row.limits?.max_bytes, show: (row) => (row.limits === undefined ? NONE : bytes(row.limits.max_bytes)) },
        { title: "Answers", right: true, of: (row) => row.limits?.max_entries, show: (row) => count(row.limits?.max_entries) }, { title: "Kept for", right: true, of: (row) => row.limits?.ttl, show: (row) => (row.limits === undefined ? NONE : `${count(row.limits.ttl / 1e6)} s`) },
        { title: "Hits", right: true, of: (row) => row.hits, show: (row) => count(row.hits) }, { title: "Hit rate", right: true, of: (row) => row.hit_rate, show: (row) => share(row.hit_rate) }, { title: "Tokens saved", right: true, of: (row) => row.saved_tokens, show: (row) => count(row.saved_tokens) },
      ]} />
    <//>`;
}
