// Latency over time with its table twin. Refuses to join points across steps without a value.
import { useMemo } from "preact/hooks";
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, count, fromMicros, ms, stamp } from "../format.mjs";
import { column } from "../kpi.mjs";
import { go, withParams } from "../state/address.mjs";
import { windowQuery } from "../state/window.mjs";
import { Chart } from "./chart.mjs";
import { TableTwin } from "./table-twin.mjs";

const LINES = [
  { name: "p50_latency", label: "P50", width: 1.5 },
  { name: "p95_latency", label: "P95", width: 2, dash: [8, 3] },
  { name: "p99_latency", label: "P99", width: 1.5, dash: [2, 3] },
];

/** The card. */
export function LatencyChart({ grid, table, kpi }) {
  const series = useMemo(() => LINES.map((line) => ({ ...line, cells: column(grid, line.name) })), [table]);
  const times = useMemo(() => grid.times, [table]);
  const target = targetLine(kpi);
  const head = ["Time", ...LINES.map((line) => line.label), "n"];
  const step = table.step_minutes ?? 1;
  return html`
    <section class="card">
      <div class="card-head">
        <h2>Latency</h2>
        <span class="muted">successful requests, one point per ${step >= 60 ? `${step / 60} h` : `${step} min`}; drag to zoom</span>
      </div>
      <${Chart} label="Latency over time: P50, P95 and P99" times=${times} series=${series} text=${ms}
        window=${[table.window.from / 1e6, table.window.to / 1e6]} gaps=${table.gaps} target=${target} onZoom=${zoom} />
      <${GapList} gaps=${table.gaps} />
      <${TableTwin} caption="Latency over time" head=${head} rows=${twinRows(times, series)}
        links=${html`<a class="quiet" href=${`/api/v1/series?${windowQuery({ kpi: LINES.map((l) => l.name).join(","), step: `${step}m` })}`}>JSON</a>`} />
    </section>`;
}

function twinRows(times, series) {
  const rows = times.map((at, i) => [
    stamp(new Date(at * 1000), false),
    ...series.map(({ cells }) => (cells[i].value === null ? UNKNOWN_WORDS[cells[i].unknown] : ms(cells[i].value))),
    count(series[0].cells[i].n),
  ]);
  return rows.reverse();
}

/** The shaded stretches in words. */
function GapList({ gaps }) {
  if (gaps.length === 0) return null;
  return html`
    <ul class="gaps">
      ${gaps.map((gap) => html`<li>${count(gap.lost)} calls lost ${stamp(fromMicros(gap.from))} – ${stamp(fromMicros(gap.to))}: ${gap.reason}</li>`)}
    </ul>`;
}

function targetLine(kpi) {
  const number = /[<>]\s*([\d.]+)/.exec(kpi?.target ?? "");
  return number === null ? null : { value: Number(number[1]), text: `P95 target ${kpi.target}` };
}

/** A step is the finest a zoom can show; the server widens to whole minutes. */
const zoom = (from, to) => go(withParams({ from: new Date(from * 1000).toISOString(), to: new Date(to * 1000).toISOString(), since: null }));
