// Figures over time: one question, one chart, its table twin, the compared time, the marks of changes.
// Refuses to join points across steps without a value.
import { useMemo } from "preact/hooks";
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, count, fromMicros, inUnit, stamp } from "../format.mjs";
import { column, onGrid } from "../kpi.mjs";
import { useAnswer } from "../state/answers.mjs";
import { COMPARE, chosen, comparedQuery, comparedWith, refresh, shiftOf, windowQuery, zoom } from "../state/window.mjs";
import { Chart } from "./chart.mjs";
import { Failure } from "./note.mjs";
import { TableTwin } from "./table-twin.mjs";

const DASHES = [undefined, [8, 3], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];

/**
 * A card. `lines`: `[{name, label, baseline}]` of one `unit`; `baseline` is the level a line had in the promoted baseline. `target` as
 * the catalogue has it: `{value, text}`. `onSpike` is told of a dragged stretch instead of a zoom; `stretch` is shaded.
 */
export function SeriesChart({ title, label = title, hint = null, lines, unit, target = null, onSpike = null, stretch = null, height = 220, children = null }) {
  const step = chosen().step;
  const names = lines.map((line) => line.name).join(",");
  const { data: table, error } = useAnswer(`/api/v1/series?${windowQuery({ kpi: names, step })}`, refresh());
  const before = comparedQuery(table?.window, { kpi: names, step });
  const compared = useAnswer(before === null ? null : `/api/v1/series?${before}`);
  return html`
    <section class="card" data-chart=${title}>
      <div class="card-head"><h2>${title}</h2><span class="muted">${hint ?? ""}${table !== null && ` one point per ${stepText(table.step_minutes)}; drag to ${onSpike === null ? "zoom" : "look into a stretch"}`}</span></div>
      <${Failure} error=${error ?? compared.error} />
      ${table !== null && html`<${Plot} label=${label} title=${title} lines=${lines} unit=${unit} target=${target} table=${table} before=${compared.data} onSpike=${onSpike} stretch=${stretch} height=${height} />`}
      ${children}
    </section>`;
}

const stepText = (minutes) => (minutes >= 60 ? `${minutes / 60} h` : `${minutes ?? 1} min`);

function Plot({ label, title, lines, unit, target, table, before, onSpike, stretch, height }) {
  const { times, series } = useMemo(() => drawn(lines, table, before), [table, before, comparedWith()]);
  const text = (value) => inUnit(value, unit);
  const newestFirst = [...times.keys()].reverse();
  const head = ["Time", ...series.map((line) => line.label), "n"];
  const raw = { head: ["time", ...series.map((line) => `${line.label} (${unit})`), "n"], rows: newestFirst.map((i) => [new Date(times[i] * 1000).toISOString(), ...series.map(({ cells }) => cells[i]?.value ?? null), series[0].cells[i].n]) };
  return html`
    <${Chart} label=${label} times=${times} series=${series} text=${text} window=${[table.window.from / 1e6, table.window.to / 1e6]}
      gaps=${table.gaps ?? []} target=${target} onZoom=${onSpike ?? zoom} stretch=${stretch} height=${height} />
    <${Gaps} gaps=${table.gaps ?? []} />
    <${TableTwin} caption=${title} head=${head} raw=${raw}
      rows=${newestFirst.map((i) => [stamp(new Date(times[i] * 1000), false), ...series.map(({ cells }) => cellText(cells[i], text)), count(series[0].cells[i].n)])} />`;
}

/** The lines of the window, then those of the compared time moved onto it, then levels of the baseline. */
function drawn(lines, table, before) {
  const grid = onGrid(table);
  const series = lines.map((line, i) => ({ ...line, dash: DASHES[i], cells: column(grid, line.name) }));
  const shift = shiftOf(table.window);
  if (before !== null && shift !== null) {
    const old = onGrid({ ...before, window: { from: before.window.from + shift, to: before.window.to + shift }, rows: before.rows.map((row) => ({ ...row, from: row.from + shift })) });
    for (const [i, line] of lines.entries()) {
      const cells = column(old, line.name);
      series.push({ label: `${line.label}, ${COMPARE[comparedWith()]}`, colour: i, faint: true, width: 1.25, dash: DASHES[i] ?? [2, 2], cells: grid.times.map((at) => cells[old.times.indexOf(at)] ?? { value: null, n: 0, unknown: "no_data" }) });
    }
  }
  if (comparedWith() === "baseline") {
    for (const [i, line] of lines.entries()) {
      if (line.baseline === null || line.baseline === undefined) continue;
      series.push({ label: `${line.label}, baseline`, colour: i, faint: true, width: 1.25, dash: [12, 4], cells: grid.times.map(() => ({ value: line.baseline, n: null, unknown: null })) });
    }
  }
  return { times: grid.times, series };
}

function cellText(cell, text) {
  if (cell === undefined || cell.value === null) return UNKNOWN_WORDS[cell?.unknown] ?? UNKNOWN_WORDS.no_data;
  return text(cell.value);
}

/** The shaded stretches in words. */
function Gaps({ gaps }) {
  if (gaps.length === 0) return null;
  return html`<ul class="gaps">${gaps.map((gap) => html`<li key=${gap.from}>${count(gap.lost)} calls lost ${stamp(fromMicros(gap.from))} – ${stamp(fromMicros(gap.to))}: ${gap.reason}</li>`)}</ul>`;
}

/** A target of the catalogue as a line: the first number in "< 1500 ms". */
export function targetOf(kpi, label) {
  const number = /[<>]\s*([\d.]+)/.exec(kpi?.target ?? "");
  return number === null ? null : { value: Number(number[1]), text: `${label} target ${kpi.target}` };
}
