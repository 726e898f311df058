// Overview: how it stands, in one line, six tiles, a chart. Refuses to judge: states are the server's.
import { html } from "../html.mjs";
import { kpiText } from "../format.mjs";
import { ROW, SERIES, TILES, byName, column, onGrid, verdict } from "../kpi.mjs";
import { REFRESH_MS, useAnswer } from "../state/answers.mjs";
import { chosen, isLive, windowQuery } from "../state/window.mjs";
import { ByModel } from "../parts/by-model.mjs";
import { Coverage } from "../parts/coverage.mjs";
import { Icon } from "../parts/icon.mjs";
import { LatencyChart } from "../parts/latency-chart.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { Figure, Tile } from "../parts/tile.mjs";
import { TilesTwin } from "../parts/tiles-twin.mjs";

/** The page. */
export function Overview() {
  const every = isLive() ? REFRESH_MS : null;
  const snapshot = useAnswer(`/api/v1/kpis?${windowQuery()}`, every);
  const table = useAnswer(`/api/v1/series?${windowQuery({ kpi: SERIES.join(","), step: chosen().step })}`, every);
  const kpis = byName(snapshot.data);
  const grid = table.data === null ? null : onGrid(table.data);
  return html`
    <${Verdict} snapshot=${snapshot.data} />
    <${Failure} error=${snapshot.error ?? table.error} />
    <${Nothing} kpis=${kpis} />
    <section aria-label="Key figures" class="tiles">
      ${TILES.map((tile) => html`
        <${Tile} key=${tile.name} label=${tile.label} kpi=${kpis.get(tile.name)} cells=${grid === null ? [] : column(grid, tile.name)}
          also=${kpis.get(tile.also)} alsoLabel=${tile.alsoLabel} />`)}
    </section>
    ${grid !== null && html`<${TilesTwin} grid=${grid} kpis=${kpis} />`}
    <dl class="figures card">
      ${ROW.map((one) => html`<${Figure} key=${one.name} label=${one.label} kpi=${kpis.get(one.name)} />`)}
    </dl>
    ${grid !== null && html`<${LatencyChart} grid=${grid} table=${table.data} kpi=${kpis.get("p95_latency")} />`}
    <${ByModel} every=${every} />
    <${Coverage} snapshot=${snapshot.data} kpis=${kpis} />`;
}

function Verdict({ snapshot }) {
  const said = snapshot === null ? { tone: "muted", icon: "wait", text: "Reading…" } : verdict(snapshot, kpiText);
  return html`
    <div class=${`verdict verdict-${said.tone}`}>
      <h1 class="visually-hidden">Overview</h1>
      <p role="status"><${Icon} name=${said.icon} />${said.text}</p>
    </div>`;
}

function Nothing({ kpis }) {
  const requests = kpis.get("request_count");
  if (requests === undefined || requests.value > 0) return null;
  return html`<${Empty} title="Nothing was recorded in this window">
    Point an application at flowgauge, or choose a longer window.
  <//>`;
}
