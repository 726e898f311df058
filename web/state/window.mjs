// The time window of a page, how finely it is cut and what it is compared with. Refuses to keep any
// of it: all is in the address. A window up to now is sent as a length, so that the server says when now is.
import { go, params, withParams } from "./address.mjs";
import { minutesOf, moment, sinceOf } from "./time-grammar.mjs";

/** Choices of the picker. */
export const RANGES = [
  { since: "15m", title: "15 min" }, { since: "1h", title: "1 h" }, { since: "6h", title: "6 h" }, { since: "24h", title: "24 h" }, { since: "7d", title: "7 d" },
];

const DEFAULT = "1h";
/** Steps: the first that needs no more points than this. */
const MOST_POINTS = 120;
const STEPS = [[1, "1m"], [5, "5m"], [15, "15m"], [60, "1h"], [120, "2h"], [360, "6h"], [1440, "24h"]];
/** The longer the window, the less a point moves: asked again after so many ms up to so many minutes. */
const REFRESH = [[60, 5_000], [360, 15_000], [1_440, 30_000]];
const SELDOM_MS = 60_000;

/** What figures can be compared with. */
export const COMPARE = { previous: "previous period", week: "a week earlier", baseline: "baseline" };

/** Address parameters of a window up to now. */
export const lastOf = (since) => ({ from: `now-${since}`, to: "now", since: null, time: null, "time.window": null });

/** The window the address asks for: `since` for one up to now, else `from` and `to` in RFC 3339. */
export function chosen() {
  const query = params.value;
  const since = query.get("since") ?? sinceOf(query.get("from"), query.get("to"));
  if (query.get("time") === null && (query.get("from") === null || since !== null)) return upToNow(minutesOf(since ?? "") === null ? DEFAULT : since);
  const [from, to] = span(query);
  if (from === null || to === null || !(from < to)) return upToNow(DEFAULT);
  const minutes = (to - from) / 60_000;
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), since: null, minutes, step: stepFor(minutes), title: "custom" };
}

function upToNow(since) {
  const minutes = minutesOf(since);
  const range = RANGES.find((one) => one.since === since);
  return { from: null, to: null, since, minutes, step: stepFor(minutes), title: range?.title ?? since };
}

/** Ends of a window that does not follow the present, or of one like `now/d`, in ms; the present is cut to a minute. */
function span(query) {
  const now = Math.ceil(Date.now() / 60_000) * 60_000;
  const at = query.get("time");
  if (at !== null) {
    const middle = moment(at, now);
    const half = Number(query.get("time.window") ?? "3600000") / 2;
    return middle === null || !(half > 0) ? [null, null] : [middle - half, middle + half];
  }
  const to = moment(query.get("to") ?? "now", now, true);
  return [moment(query.get("from"), now), to === null ? null : Math.min(to, now)];
}

/** Whether figures can follow the present at all. */
export const canFollow = () => params.value.get("time") === null && (params.value.get("to") ?? "now").startsWith("now");

/** Whether figures follow the present. A window with a fixed end never does. */
export const isLive = () => params.value.get("live") !== "0" && canFollow();

/** Milliseconds between questions, null where nothing moves. */
export function refresh() {
  if (!isLive()) return null;
  const found = REFRESH.find(([minutes]) => chosen().minutes <= minutes);
  return found === undefined ? SELDOM_MS : found[1];
}

/** Filters of the address, each `dim=value`. */
export const filters = () => params.value.getAll("where");

/** What figures are compared with, null for nothing. */
export const comparedWith = () => (Object.hasOwn(COMPARE, params.value.get("compare") ?? "") ? params.value.get("compare") : null);

/** Query part of an API call about the chosen window. */
export function windowQuery(extra = {}) {
  const window = chosen();
  return queryOf(window.since === null ? { from: window.from, to: window.to } : { since: window.since }, extra);
}

/** The same about the time the window is compared with; null where that is no time or not known yet. `told` is the server's window. */
export function comparedQuery(told, extra = {}) {
  const shift = shiftOf(told);
  if (shift === null) return null;
  const iso = (micros) => new Date((micros - shift) / 1000).toISOString();
  return queryOf({ from: iso(told.from), to: iso(told.to) }, extra);
}

/** How far back the compared window lies, in microseconds. */
export function shiftOf(told) {
  if (told === null || told === undefined) return null;
  return { previous: told.to - told.from, week: 7 * 86_400e6 }[comparedWith()] ?? null;
}

function queryOf(span, extra) {
  const query = new URLSearchParams({ ...extra, ...span });
  for (const filter of filters()) query.append("where", filter);
  return query.toString();
}

/** Windows that were zoomed into, the last at the end. */
const zoomed = [];
const WINDOW = ["since", "from", "to", "time", "time.window"];

/** Shows a stretch, in unix seconds. The server widens to whole minutes. */
export function zoom(from, to) {
  zoomed.push(Object.fromEntries(WINDOW.map((name) => [name, params.value.get(name)])));
  const iso = (at) => new Date(at * 1000).toISOString();
  go(withParams({ ...Object.fromEntries(WINDOW.map((name) => [name, null])), from: iso(from), to: iso(to) }));
}

/** Back to the window before the last zoom; without one to twice the stretch around the same middle. */
export function zoomOut() {
  const before = zoomed.pop();
  if (before !== undefined) {
    go(withParams(before));
    return;
  }
  const window = chosen();
  if (window.since !== null) {
    const minutes = Math.min(window.minutes * 2, 90 * 1440);
    go(withParams(lastOf(`${minutes}m`)));
    return;
  }
  const [from, to] = [Date.parse(window.from), Date.parse(window.to)];
  const half = (to - from) / 2;
  const end = Math.min(to + half, Date.now());
  go(withParams({ from: new Date(end - 4 * half).toISOString(), to: new Date(end).toISOString(), time: null, "time.window": null }));
}

/** Whole minutes, a step long enough for few points. */
export function stepFor(minutes) {
  const found = STEPS.find(([length]) => minutes / length <= MOST_POINTS);
  return found === undefined ? "24h" : found[1];
}
