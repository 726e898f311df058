// Overview: how it stands, in one line, six tiles, a chart, what fires and what was changed last.
// Refuses to judge: states are the server's.
import { html } from "../html.mjs";
import { kpiText } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { JUDGED, ROW, SERIES, TILES, column, onGrid, verdict } from "../kpi.mjs";
import { useAnswer } from "../state/answers.mjs";
import { changeLine, useChanges } from "../state/changes.mjs";
import { chosen, refresh, windowQuery } from "../state/window.mjs";
import { activeOf, figureText } from "../alerts.mjs";
import { AlertState, SeverityWord } from "../parts/alert-state.mjs";
import { ByModel } from "../parts/by-model.mjs";
import { Coverage } from "../parts/coverage.mjs";
import { Card } from "../parts/data-table.mjs";
import { Definitions, useFigures } from "../parts/figures.mjs";
import { Icon } from "../parts/icon.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { SeriesChart, targetOf } from "../parts/series-chart.mjs";
import { Figure, Tile } from "../parts/tile.mjs";
import { TilesTwin } from "../parts/tiles-twin.mjs";

const LINES = [{ name: "p50_latency", label: "P50", width: 1.5 }, { name: "p95_latency", label: "P95", width: 2 }, { name: "p99_latency", label: "P99", width: 1.5 }];
/** As many as one reads at a glance. */
const LAST = 4;

/** The page. */
export function Overview() {
  const figures = useFigures([...TILES, ...ROW, ...JUDGED, "estimated_usage"]);
  const table = useAnswer(`/api/v1/series?${windowQuery({ kpi: SERIES.join(","), step: chosen().step })}`, refresh());
  const alerts = useAnswer("/api/v1/alerts", refresh());
  const { kpis, before } = figures;
  const grid = table.data === null ? null : onGrid(table.data);
  return html`
    <${Verdict} figures=${figures} alerts=${alerts.data} />
    <${Failure} error=${figures.error ?? table.error ?? alerts.error} />
    <${Nothing} kpis=${kpis} />
    <section aria-label="Key figures" class="tiles">
      ${TILES.map((tile) => html`
        <${Tile} key=${tile.name} label=${tile.label} href=${pageLink(tile.path)} kpi=${kpis.get(tile.name)} before=${before.get(tile.name) ?? null}
          cells=${grid === null ? [] : column(grid, tile.name)} also=${kpis.get(tile.also)} alsoLabel=${tile.alsoLabel} />`)}
    </section>
    ${grid !== null && html`<${TilesTwin} grid=${grid} kpis=${kpis} />`}
    <dl class="figures card">
      ${ROW.map((one) => html`<${Figure} key=${one.name} label=${one.label} kpi=${kpis.get(one.name)} before=${before.get(one.name) ?? null} />`)}
    </dl>
    <${Definitions} names=${[...TILES, ...ROW]} kpis=${kpis} />
    <div class="columns"><${Active} view=${alerts.data} /><${LastChanges} /></div>
    <${SeriesChart} title="Latency" label="Latency over time: P50, P95 and P99" hint="successful requests;" unit="ms" height=${240} lines=${LINES.map((line) => ({ ...line, baseline: line.name === "p95_latency" ? figures.baseline?.whole.latency_p95 : null }))} target=${targetOf(kpis.get("p95_latency"), "P95")} />
    <${ByModel} every=${refresh()} />
    ${figures.window !== null && html`<${Coverage} snapshot=${figures.snapshot} kpis=${kpis} />`}`;
}

function Verdict({ figures, alerts }) {
  const said = figures.snapshot === null ? { tone: "muted", icon: "wait", text: "Reading…" } : verdict(figures.snapshot, kpiText);
  const open = alerts === null ? [] : activeOf(alerts).filter(({ instance }) => instance.state === "firing" && instance.episode !== null);
  return html`
    <div class=${`verdict verdict-${said.tone}`}>
      <h1 class="visually-hidden">Overview</h1>
      <p role="status"><${Icon} name=${said.icon} /><span>${said.text}${open.length > 0 && html` <a href=${pageLink(`/alerts/${encodeURIComponent(open[0].instance.episode)}`)}>${open[0].rule.name} fires</a>`}</span></p>
    </div>`;
}

function Active({ view }) {
  const all = view === null ? [] : activeOf(view);
  return html`
    <${Card} title="Active alerts" tools=${html`<a href=${pageLink("/alerts")}>all alerts</a>`}>
      ${all.length === 0 ? html`<p class="muted">${view === null ? "Reading…" : "Nothing fires or waits."}</p>` : html`<ul class="moved">${all.slice(0, LAST).map(({ rule, instance }) => html`
        <li key=${rule.name + JSON.stringify(instance.labels)}><${AlertState} state=${instance.state} /> <${SeverityWord} severity=${rule.severity} /> <a class="break" href=${instance.episode === null ? pageLink("/alerts") : pageLink(`/alerts/${encodeURIComponent(instance.episode)}`)}>${rule.name}</a> <span class="muted number">${figureText(instance.figures)}</span></li>`)}
        ${all.length > LAST && html`<li class="muted">${all.length - LAST} more</li>`}</ul>`}
    <//>`;
}

function LastChanges() {
  const last = useChanges().slice(0, LAST);
  return html`
    <${Card} title="Last changes" tools=${html`<a href=${pageLink("/timeline")}>timeline</a>`}>
      ${last.length === 0 ? html`<p class="muted">None: everything is as it was installed.</p>` : html`<ul class="moved">${last.map((one) => html`<li key=${one.at + one.text} class="break">${changeLine(one)}</li>`)}</ul>`}
    <//>`;
}

function Nothing({ kpis }) {
  const requests = kpis.get("request_count");
  if (requests === undefined || requests.value > 0) return null;
  return html`<${Empty} title="Nothing was recorded in this window">
    Point an application at flowgauge, or choose a longer window.
  <//>`;
}
