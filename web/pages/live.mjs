// Live: the last five minutes by seconds and the newest calls. Refuses to show a second it did not see.
import { useMemo, useRef } from "preact/hooks";
import { html } from "../html.mjs";
import { clock, count, usd } from "../format.mjs";
import { byName } from "../kpi.mjs";
import { params } from "../state/address.mjs";
import { REFRESH_MS, rowsOf, useAnswer } from "../state/answers.mjs";
import { SECONDS, calls, connection, latest, secondsGrid, ticks, useLiveStream } from "../state/live-stream.mjs";
import { Chart } from "../parts/chart.mjs";
import { Icon } from "../parts/icon.mjs";
import { asked } from "../parts/figures.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { RequestTable } from "../parts/request-table.mjs";
import { TableTwin } from "../parts/table-twin.mjs";
import { Figure } from "../parts/tile.mjs";
import { LiveSwitch } from "../parts/time-picker.mjs";

const FIGURES = [
  { name: "request_count", label: "Requests, 5 min" }, { name: "p50_latency", label: "P50 latency" }, { name: "p95_latency", label: "P95 latency" },
  { name: "ttft_p50", label: "P50 TTFT" }, { name: "error_rate", label: "Error rate" }, { name: "total_cost", label: "Spend, 5 min" },
];
const CONNECTION = {
  connecting: { word: "connecting", tone: "muted", icon: "wait" },
  open: { word: "connected", tone: "good", icon: "good" },
  lost: { word: "connection lost, trying again", tone: "critical", icon: "critical" },
};
const CHART_HEIGHT = 130;
/** Rows of the tail at most. */
const MOST_ROWS = 40;
/** Calls from before the page was opened, so that the tail does not start empty. */
const BEFORE_ROWS = 20;

/** The page. */
export function Live() {
  useLiveStream();
  const live = params.value.get("live") !== "0";
  const kept = useRef(null);
  const now = { ticks: ticks.value, calls: calls.value, latest: latest.value };
  if (live || kept.current === null) kept.current = now;
  const shown = kept.current;
  const kpis = useAnswer(`/api/v1/kpis?since=5m&kpi=${asked(FIGURES)}`, live ? REFRESH_MS : null);
  const known = byName(kpis.data);
  const before = useAnswer(`/api/v1/requests?limit=${BEFORE_ROWS}`);
  const rows = tail(shown.calls, rowsOf(before.data));
  return html`
    <div class="page-head">
      <h1>Live</h1><span class="muted">last 5 minutes, by seconds</span>
      <${Connection} />
      <span class="page-tools"><${LiveSwitch} live=${live} /></span>
    </div>
    <${Failure} error=${kpis.error} />
    <dl class="figures card">
      <div class="figure"><dt>In flight</dt><dd><span class="figure-value number">${count(shown.latest?.in_flight)}</span><span class="figure-facts">${shown.latest === null ? "waiting" : `at ${clock(new Date(shown.latest.at * 1000))}`}</span></dd></div>
      ${FIGURES.map((one) => html`<${Figure} key=${one.name} label=${one.label} kpi=${known.get(one.name)} />`)}
    </dl>
    <${Lost} tick=${shown.latest} />
    ${shown.latest !== null && html`<${Seconds} map=${shown.ticks} at=${shown.latest.at} />`}
    <section class="card" data-tail=${shown.calls.length}>
      <div class="card-head"><h2>Newest calls</h2><span class="muted">newest first</span></div>
      ${rows.length > 0 ? html`<${RequestTable} label="Newest calls" rows=${rows} short=${true} />` : html`<p class="muted">No call yet.</p>`}
    </section>
    ${known.get("request_count")?.value === 0 && rows.length === 0 && html`<${Empty} title="Waiting for the first request">Paste a snippet into an application.<//>`}`;
}

/** Streamed calls, then those of before, each once. */
function tail(streamed, before) {
  const seen = new Set(streamed.map((row) => row.call_id));
  return [...streamed, ...before.filter((row) => !seen.has(row.call_id))].slice(0, MOST_ROWS);
}

function Connection() {
  const { word, tone, icon } = CONNECTION[connection.value];
  return html`<span class=${`status tone-${tone}`} role="status"><${Icon} name=${icon} />${word}</span>`;
}

const Lost = ({ tick }) =>
  tick?.lost > 0 && html`<p class="note tone-warning"><${Icon} name="warning" /><span>${count(tick.lost)} calls were lost; the figures miss them.</span></p>`;

const perSecond = (value) => `${Number.isInteger(value) ? count(value) : value.toFixed(1)}/s`;
const spend = (value) => `${usd(value)}/s`;

function Seconds({ map, at }) {
  const grid = useMemo(() => secondsGrid(map, at), [map, at]);
  const window = [at - SECONDS + 1, at];
  const rate = useMemo(() => [{ label: "Requests", cells: grid.requests }, { label: "Errors", cells: grid.errors, dash: [4, 3] }], [grid]);
  const tokens = useMemo(() => [{ label: "Tokens", cells: grid.tokens }], [grid]);
  const money = useMemo(() => [{ label: "Spend", cells: grid.spend }], [grid]);
  return html`
    <div class="columns columns-3">
      <${Card} title="Requests and errors" series=${rate} grid=${grid} window=${window} text=${perSecond} />
      <${Card} title="Tokens" series=${tokens} grid=${grid} window=${window} text=${perSecond} />
      <${Card} title="Spend" series=${money} grid=${grid} window=${window} text=${spend} />
    </div>
    <${TableTwin} caption="Last five minutes by seconds" head=${["Time", "Requests", "Errors", "Tokens", "Spend"]} rows=${twinRows(grid)} />`;
}

const Card = ({ title, series, grid, window, text }) => html`
  <section class="card"><div class="card-head"><h2>${title}</h2><span class="muted">per second</span></div>
    <${Chart} label=${`${title} per second`} times=${grid.times} series=${series} window=${window} text=${text} height=${CHART_HEIGHT} showSamples=${false} />
  </section>`;

function twinRows(grid) {
  const rows = [];
  grid.times.forEach((second, i) => {
    if (grid.requests[i].value === null) return;
    rows.push([clock(new Date(second * 1000)), count(grid.requests[i].value), count(grid.errors[i].value), count(grid.tokens[i].value), usd(grid.spend[i].value)]);
  });
  return rows.reverse();
}
