// Calls over time and by how long they took, darker where there were more. Arrow keys move a cell whose count is said; a table
// follows. Refuses to stand on colour alone: every cell can be read as words.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { gridOf } from "../heat.mjs";
import { clock, count, inUnit, stamp } from "../format.mjs";
import { themeChanges } from "../state/theme.mjs";
import { TableTwin } from "./table-twin.mjs";

const HEIGHT = 220;
/** Room for the names of the axes. */
const LEFT = 62;
const BOTTOM = 22;
/** The faintest cell with a call in it can still be seen. */
const FAINTEST = 0.12;

/** `told`: `{window, step_minutes, edges_ms, rows: [{from, counts}]}` of the API. */
export function HeatMap({ label, told }) {
  const grid = gridOf(told);
  if (grid.bins === 0) return html`<p class="muted">No calls in this window.</p>`;
  return html`<${Cells} label=${label} told=${told} grid=${grid} />`;
}

function Cells({ label, told, grid }) {
  const canvas = useRef(null);
  const [at, setAt] = useState(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watch.observe(canvas.current.parentElement);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (width > LEFT) draw(canvas.current, width, grid, at);
  }, [told, width, at, themeChanges.value]);
  const move = (event) => {
    const here = at ?? [grid.steps - 1, 0];
    const next = { ArrowLeft: [here[0] - 1, here[1]], ArrowRight: [here[0] + 1, here[1]], ArrowUp: [here[0], here[1] + 1], ArrowDown: [here[0], here[1] - 1], Home: [0, here[1]], End: [grid.steps - 1, here[1]] }[event.key];
    if (event.key === "Escape") setAt(null);
    if (next === undefined) return;
    event.preventDefault();
    setAt([clamp(next[0], grid.steps), clamp(next[1], grid.bins)]);
  };
  const point = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - LEFT, event.clientY - box.top];
    setAt(x < 0 || y > HEIGHT - BOTTOM ? null : [clamp(Math.floor((x / (box.width - LEFT)) * grid.steps), grid.steps), clamp(grid.bins - 1 - Math.floor((y / (HEIGHT - BOTTOM)) * grid.bins), grid.bins)]);
  };
  const cells = grid.columns.flatMap((column, i) => column.counts.map((n, bin) => ({ i, bin, n })).filter((cell) => cell.n > 0));
  const share = (cell) => `${((100 * cell.n) / grid.columns[cell.i].total).toFixed(1)} %`;
  const rows = cells.reverse().map((cell) => [timeText(grid, cell.i), binText(grid, cell.bin), count(cell.n), share(cell)]);
  return html`
    <figure class="chart heat" role="figure" aria-label=${label}>
      <div class="legend"><span class="legend-item"><span class="heat-scale" aria-hidden="true"></span>1 to ${count(grid.most)} calls a cell</span><span class="legend-cell number" data-cell>${at === null ? "" : cellText(grid, at)}</span></div>
      <div class="chart-plot" tabindex="0" role="application" aria-label=${`${label}. Arrow keys move through time and duration; a table follows.`} onKeyDown=${move} onMouseMove=${point} onMouseLeave=${() => setAt(null)}>
        <canvas ref=${canvas} style=${{ width: "100%", height: `${HEIGHT}px` }} aria-hidden="true"></canvas>
      </div>
      <div class="visually-hidden" aria-live="polite">${at !== null && document.activeElement === canvas.current?.parentElement ? cellText(grid, at) : ""}</div>
    </figure>
    <${TableTwin} caption=${label} head=${["Time", "From – to", "n", "share of its time"]} rows=${rows}
      raw=${{ head: ["time", "from (ms)", "to (ms)", "n"], rows: cells.map((cell) => [new Date(grid.columns[cell.i].from / 1000).toISOString(), told.edges_ms[cell.bin], told.edges_ms[cell.bin + 1], cell.n]) }} />`;
}

const clamp = (value, length) => Math.min(length - 1, Math.max(0, value));

const timeText = (grid, i) => stamp(new Date(grid.columns[i].from / 1000), false);
const binText = (grid, bin) => `${inUnit(grid.edges[bin], "ms")} – ${inUnit(grid.edges[bin + 1], "ms")}`;

function cellText(grid, [i, bin]) {
  if (i >= grid.steps || bin >= grid.bins) return "";
  const { counts, total } = grid.columns[i];
  return `${timeText(grid, i)}, ${binText(grid, bin)}: ${counts[bin] === 1 ? "1 call" : `${count(counts[bin])} calls`} of ${count(total)}`;
}

function draw(canvas, width, grid, at) {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const scale = devicePixelRatio;
  [canvas.width, canvas.height] = [width * scale, HEIGHT * scale];
  const ctx = canvas.getContext("2d");
  ctx.scale(scale, scale);
  const [wide, high] = [(width - LEFT) / grid.steps, (HEIGHT - BOTTOM) / grid.bins];
  ctx.fillStyle = of("--series-1");
  for (const [i, { counts }] of grid.columns.entries()) {
    for (const [bin, n] of counts.entries()) {
      if (n === 0) continue;
      // By the logarithm: a spike of few calls is not lost beside the many.
      ctx.globalAlpha = FAINTEST + (1 - FAINTEST) * (Math.log1p(n) / Math.log1p(grid.most));
      ctx.fillRect(LEFT + i * wide, HEIGHT - BOTTOM - (bin + 1) * high, Math.max(1, wide - 0.5), Math.max(1, high - 0.5));
    }
  }
  ctx.globalAlpha = 1;
  ctx.fillStyle = of("--muted");
  ctx.font = `11px ${of("--sans")}`;
  ctx.textAlign = "right";
  const everyBin = Math.max(1, Math.ceil(grid.bins / 7));
  for (let bin = 0; bin <= grid.bins; bin += everyBin) ctx.fillText(inUnit(grid.edges[bin], "ms"), LEFT - 6, Math.max(10, HEIGHT - BOTTOM - bin * high + 3));
  ctx.textAlign = "center";
  const everyStep = Math.max(1, Math.ceil(grid.steps / Math.max(2, Math.floor(width / 130))));
  for (let i = 0; i < grid.steps; i += everyStep) {
    const date = new Date(grid.columns[i].from / 1000);
    ctx.fillText(grid.steps * grid.step > 2 * 86_400e6 ? stamp(date, false).slice(5, 16) : clock(date, false), Math.max(LEFT + 14, LEFT + (i + 0.5) * wide), HEIGHT - 6);
  }
  if (at !== null) {
    ctx.strokeStyle = of("--ink");
    ctx.lineWidth = 2;
    ctx.strokeRect(LEFT + at[0] * wide, HEIGHT - BOTTOM - (at[1] + 1) * high, Math.max(3, wide), high);
  }
}
