// A chart of lines over time: legend with the values under the cursor, arrow keys, spoken values.
// Refuses to stand alone: whoever places it adds its table twin.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, samples, stamp } from "../format.mjs";
import { changeLine, changesIn, useChanges } from "../state/changes.mjs";
import { themeChanges } from "../state/theme.mjs";
import { plotOptions } from "./chart-plot.mjs";

/** Quiet time before a value is spoken, so that held arrow keys do not queue up speech. */
const SPEAK_AFTER_MS = 350;

/**
 * `series`: `[{label, cells, dash, width}]`, cells `{value, n, unknown}` per entry of `times` (unix
 * seconds). `stretch` is shaded. `text(value)` gives a value with its unit. `colour` and `faint` let two lines share a colour.
 */
export function Chart({ label, times, series, window, gaps = [], target = null, text, height = 240, onZoom = null, showSamples = true, stretch = null }) {
  const box = useRef(null);
  const plot = useRef(null);
  const newest = useRef(null);
  const marks = changesIn(useChanges(), window);
  newest.current = { window, gaps, target, onZoom, marks, stretch };
  const [at, setAt] = useState(null);
  const spoken = useSpoken(box, at, times, series, text);
  const theme = themeChanges.value;
  const shape = series.map((one) => one.label).join("|");

  useEffect(() => {
    const element = box.current;
    // The page may have been left between drawing and this effect.
    if (element === null) return undefined;
    const options = plotOptions({
      width: element.clientWidth, height, series, axisText: text, view: () => newest.current, onCursor: setAt,
      onZoom: onZoom === null ? null : (from, to) => newest.current.onZoom(from, to),
    });
    plot.current = new globalThis.uPlot(options, rows(times, series), element);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [theme, shape, height]);

  useEffect(() => plot.current?.setData(rows(times, series)), [times, series, marks.length, stretch?.join()]);

  return html`
    <figure class="chart" role="figure" aria-label=${label}>
      <${Legend} at=${at} times=${times} series=${series} text=${text} showSamples=${showSamples} />
      <div class="chart-plot" ref=${box} tabindex="0" role="application"
        aria-label=${`${label}. Left and right arrow keys move through time; a table follows.`}
        onKeyDown=${(event) => moveCursor(event, plot.current, times, at)}></div>
      <div class="visually-hidden" aria-live="polite">${spoken}</div>
      <${Marks} marks=${marks} />
    </figure>`;
}

const rows = (times, series) => [times, ...series.map((one) => one.cells.map((cell) => cell.value))];

function Legend({ at, times, series, text, showSamples }) {
  const index = at !== null && at < times.length ? at : null;
  return html`
    <div class="legend">
      ${series.map((one, i) => html`
        <span class="legend-item">
          <svg class=${`swatch series-${(one.colour ?? i) + 1}${one.faint ? " faint" : ""}`} viewBox="0 0 24 8" aria-hidden="true"><line x1="0" x2="24" y1="4" y2="4" stroke-dasharray=${one.dash?.join(" ") ?? "none"} /></svg>
          ${one.label}
          ${index !== null && html`<b class="number">${cellText(one.cells[index], text)}</b>${showSamples && html`<span class="muted number">${samples(one.cells[index]?.n)}</span>`}`}
        </span>`)}
      <span class="legend-time number">${index !== null && stamp(new Date(times[index] * 1000), false)}</span>
    </div>`;
}

/** The marks of the chart in words. */
function Marks({ marks }) {
  if (marks.length === 0) return null;
  return html`
    <details class="marks">
      <summary>${marks.length === 1 ? "1 change" : `${marks.length} changes`} in this window</summary>
      <ol>${marks.map((one) => html`<li key=${one.at + one.text} class="break">${changeLine(one)}${one.reason && html` <span class="muted">${one.reason}</span>`}</li>`)}</ol>
    </details>`;
}

function cellText(cell, text) {
  if (cell === undefined || cell.value === null) return UNKNOWN_WORDS[cell?.unknown] ?? UNKNOWN_WORDS.no_data;
  return text(cell.value);
}

function moveCursor(event, plot, times, at) {
  if (plot === null || times.length === 0) return;
  const last = times.length - 1;
  const here = at ?? last;
  const page = Math.max(1, Math.round(times.length / 10));
  const moves = { ArrowLeft: here - (at === null ? 0 : 1), ArrowRight: here + 1, PageUp: here - page, PageDown: here + page, Home: 0, End: last };
  if (event.key === "Escape") {
    plot.setCursor({ left: -10, top: -10 }, true, true);
    return;
  }
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = Math.min(last, Math.max(0, moves[event.key]));
  // Told to the other charts as well.
  plot.setCursor({ left: plot.valToPos(times[next], "x"), top: 10 }, true, true);
}

/** Only the chart that has the focus speaks: the cursor of the others goes along. */
function useSpoken(box, at, times, series, text) {
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    if (at === null || at >= times.length || document.activeElement !== box.current) return undefined;
    const timer = setTimeout(() => {
      const values = series.map((one) => `${one.label} ${cellText(one.cells[at], text)}`).join(", ");
      setSpoken(`${stamp(new Date(times[at] * 1000), false)}: ${values}`);
    }, SPEAK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [at]);
  return spoken;
}
