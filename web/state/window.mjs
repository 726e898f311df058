// The time window of a page and how finely it is cut. Refuses to compute "now": relative windows
// are sent as such and the server answers with the moments it used.
import { params } from "./address.mjs";

/** Choices of the picker, with a step that gives at most about 100 points. */
export const RANGES = [
  { since: "15m", title: "15 min", step: "1m" },
  { since: "1h", title: "1 h", step: "1m" },
  { since: "6h", title: "6 h", step: "5m" },
  { since: "24h", title: "24 h", step: "15m" },
  { since: "7d", title: "7 d", step: "2h" },
];

const DEFAULT = RANGES[1];

/** Steps for a free window: the first that needs no more points than this. */
const MOST_POINTS = 120;
const STEPS = [[1, "1m"], [5, "5m"], [15, "15m"], [60, "1h"], [120, "2h"], [360, "6h"], [1440, "24h"]];

/** The window the address asks for. */
export function chosen() {
  const from = params.value.get("from");
  const to = params.value.get("to");
  if (from !== null && to !== null) {
    const minutes = (Date.parse(to) - Date.parse(from)) / 60_000;
    return { from, to, since: null, step: stepFor(minutes), title: "custom" };
  }
  const since = params.value.get("since");
  const range = RANGES.find((r) => r.since === since) ?? DEFAULT;
  return { from: null, to: null, since: range.since, step: range.step, title: range.title };
}

/** Whether figures follow the present. A window with an end never does. */
export const isLive = () => params.value.get("live") !== "0" && params.value.get("to") === null;

/** Filters of the address, each `dim=value`. */
export const filters = () => params.value.getAll("where");

/** Query part of an API call about the chosen window. */
export function windowQuery(extra = {}) {
  const window = chosen();
  const query = new URLSearchParams(extra);
  if (window.since === null) {
    query.set("from", window.from);
    query.set("to", window.to);
  } else {
    query.set("since", window.since);
  }
  for (const filter of filters()) query.append("where", filter);
  return query.toString();
}

function stepFor(minutes) {
  const found = STEPS.find(([length]) => minutes / length <= MOST_POINTS);
  return found === undefined ? "24h" : found[1];
}
