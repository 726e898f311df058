// Settings of the plotting library for a chart of lines over time. Refuses to know the DOM around it.
import { clock } from "../format.mjs";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_S = 86_400;
/** A target is part of the scale once data comes this near to it; else it would flatten the lines. */
const NEAR_TARGET = 0.4;

/** Opacity of a line that is only compared with, as two hexadecimal digits. */
const FAINT = "99";

/** A value between two unknown ones is shown as a point: a line of one point is invisible. */
function alone(plot, at) {
  const values = plot.data[at];
  return values.reduce((all, value, i) => (value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [...all, i] : all), []);
}

/** Colours of the theme in force: a canvas cannot read CSS variables. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    ink: of("--muted"), line: of("--line"), card: of("--card"), gap: of("--warning-soft"), gapEdge: of("--warning"), target: of("--muted"), mark: of("--ink"),
    series: [1, 2, 3, 4, 5, 6].map((i) => of(`--series-${i}`)),
    font: `11px ${of("--sans")}`,
  };
}

/** Options for uPlot. `view()` gives the newest `{window, gaps, target}`: data changes, options stay. */
export function plotOptions({ width, height, series, axisText, view, onCursor, onZoom }) {
  const colours = palette();
  const axis = { stroke: colours.ink, font: colours.font, grid: { stroke: colours.line, width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, 22, 0, 0],
    cursor: { y: false, sync: { key: "time", setSeries: false, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } }, drag: { x: onZoom !== null, y: false, setScale: false }, points: { size: 7 } },
    scales: {
      x: { time: true, range: () => view().window },
      y: { range: (_, low, high) => [0, top(high, view().target)] },
    },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, splits, _axis, _space, step) => splits.map((at) => timeTick(at, step)) },
      { ...axis, size: 62, values: (_, splits) => splits.map(axisText) },
    ],
    series: [
      {},
      ...series.map((one, i) => ({
        label: one.label, stroke: colours.series[one.colour ?? i] + (one.faint ? FAINT : ""), width: one.width ?? 1.75, dash: one.dash, spanGaps: false,
        points: { show: true, size: 4, fill: colours.series[one.colour ?? i], filter: alone },
      })),
    ],
    hooks: {
      drawClear: [(plot) => drawGaps(plot, view().gaps, colours)],
      draw: [(plot) => drawMarks(plot, view().marks, colours), (plot) => drawTarget(plot, view().target, colours), (plot) => placeStretch(plot, view().stretch)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      ready: [watchPress],
      setSelect: [(plot) => pressed === plot && onZoom !== null && choose(plot, onZoom)],
    },
  };
}

/** What was dragged over, as times. The library's own shade stands in pixels: it goes, before the scale moves under it. */
function choose(plot, onZoom) {
  const { left, width } = plot.select;
  if (width === 0) return;
  const span = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (width > 4) onZoom(...span);
}

/** The stretch looked into, shaded where its times are now. */
function placeStretch(plot, stretch) {
  let shade = plot.over.querySelector(".stretch");
  if (stretch === null) {
    shade?.remove();
    return;
  }
  if (shade === null) {
    shade = document.createElement("div");
    shade.className = "stretch";
    plot.over.append(shade);
  }
  const width = plot.over.clientWidth;
  const [left, right] = stretch.map((at) => Math.min(width, Math.max(0, plot.valToPos(at, "x"))));
  shade.style.left = `${left}px`;
  shade.style.width = `${right - left}px`;
}

/** The chart a drag began in: the cursor goes along in the others, the stretch does not. */
let pressed = null;

function watchPress(plot) {
  plot.over.addEventListener("mousedown", () => {
    pressed = plot;
    document.addEventListener("mouseup", () => setTimeout(() => (pressed = null), 0), { once: true });
  });
}

function top(high, target) {
  const most = Number.isFinite(high) && high > 0 ? high : 0;
  if (target !== null && most >= target.value * NEAR_TARGET) return Math.max(most, target.value) * 1.12;
  return most === 0 ? 1 : most * 1.12;
}

function timeTick(at, step) {
  const date = new Date(at * 1000);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (step >= DAY_S || midnight) return `${MONTHS[date.getMonth()]} ${date.getDate()}`;
  return clock(date, step < 60);
}

/** Stretches in which calls were lost: hatched, so that they are not taken for quiet ones. */
function drawGaps(plot, gaps, colours) {
  const { ctx, bbox } = plot;
  for (const gap of gaps) {
    const left = Math.max(bbox.left, plot.valToPos(gap.from / 1e6, "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(gap.to / 1e6, "x", true));
    const width = Math.max(3 * devicePixelRatio, right - left);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colours.gap;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.strokeStyle = colours.gapEdge;
    ctx.globalAlpha = 0.35;
    for (let x = left - bbox.height; x < left + width; x += 8 * devicePixelRatio) {
      line(ctx, x, bbox.top + bbox.height, x + bbox.height, bbox.top);
    }
    ctx.restore();
  }
}

/** A change: a dashed line with a small flag on top. Words are below the chart. */
function drawMarks(plot, marks, colours) {
  const { ctx, bbox } = plot;
  const size = 4 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colours.mark;
  ctx.fillStyle = colours.mark;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark.at, "x", true));
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top - size);
    ctx.lineTo(x + size, bbox.top - size);
    ctx.lineTo(x, bbox.top + size);
    ctx.fill();
  }
  ctx.restore();
}

function drawTarget(plot, target, colours) {
  if (target === null || target.value > plot.scales.y.max) return;
  const { ctx, bbox } = plot;
  const y = plot.valToPos(target.value, "y", true);
  ctx.save();
  ctx.strokeStyle = colours.target;
  ctx.fillStyle = colours.target;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  line(ctx, bbox.left, y, bbox.left + bbox.width, y);
  ctx.font = `${11 * devicePixelRatio}px ${colours.font.slice(5)}`;
  ctx.setLineDash([]);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  ctx.strokeStyle = colours.card;
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeText(target.text, bbox.left + 4 * devicePixelRatio, y - 4 * devicePixelRatio);
  ctx.fillText(target.text, bbox.left + 4 * devicePixelRatio, y - 4 * devicePixelRatio);
  ctx.restore();
}

function line(ctx, fromX, fromY, toX, toY) {
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}
