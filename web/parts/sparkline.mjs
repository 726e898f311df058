// A trend without axes. Refuses to bridge steps without a value. Its numbers are in the table twin.
import { html } from "../html.mjs";

const WIDTH = 160;
const HEIGHT = 34;
const PAD = 3;

/** Cells `{value}` of even steps as line pieces. */
export function Sparkline({ cells }) {
  const known = cells.filter((cell) => cell.value !== null).map((cell) => cell.value);
  if (known.length === 0) return html`<div class="sparkline sparkline-empty" aria-hidden="true"></div>`;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const x = (i) => PAD + (i * (WIDTH - 2 * PAD)) / Math.max(1, cells.length - 1);
  const y = (v) => (high === low ? HEIGHT / 2 : HEIGHT - PAD - ((v - low) * (HEIGHT - 2 * PAD)) / (high - low));
  const pieces = linePieces(cells).map((piece) => piece.map(([i, v]) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`));
  return html`
    <svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      ${pieces.map((points) => html`<polyline points=${(points.length === 1 ? [points[0], points[0]] : points).join(" ")} />`)}
    </svg>`;
}

/** Runs of neighbouring known values. */
export function linePieces(cells) {
  const pieces = [];
  let open = null;
  cells.forEach((cell, i) => {
    if (cell.value === null) {
      open = null;
      return;
    }
    if (open === null) pieces.push((open = []));
    open.push([i, cell.value]);
  });
  return pieces;
}
