// What the page knows about KPIs: which are shown where, how a state reads, how series become
// points. Refuses to judge: states come from the server.

/** Words and weight of a state; heavier is worse. */
export const STATES = {
  critical: { word: "critical", tone: "critical", icon: "critical", weight: 4 },
  alert: { word: "alert", tone: "warning", icon: "warning", weight: 3 },
  off_target: { word: "off target", tone: "warning", icon: "off", weight: 2 },
  met: { word: "met", tone: "good", icon: "good", weight: 1 },
  no_target: { word: "no target", tone: "muted", icon: "none", weight: 0 },
  no_data: { word: "no data", tone: "muted", icon: "none", weight: 0 },
};

/** The six tiles. `also` is a second figure on the same tile. */
export const TILES = [
  { name: "p95_latency", path: "/latency", label: "P95 latency" },
  { name: "tokens_per_request", path: "/cost", label: "Tokens / request", also: "token_reduction", alsoLabel: "reduction" },
  { name: "quality_score", path: "/quality", label: "Quality" },
  { name: "cache_hit_rate", path: "/cache", label: "Cache hit rate" },
  { name: "total_cost", path: "/cost", label: "Cost", also: "cost_per_request", alsoLabel: "per request" },
  { name: "error_rate", path: "/requests", label: "Error rate" },
];

/** The second row. */
export const ROW = [
  { name: "request_count", label: "Requests" },
  { name: "throughput", label: "Throughput" },
  { name: "p50_latency", label: "P50 latency" },
  { name: "p99_latency", label: "P99 latency" },
  { name: "ttft_p50", label: "P50 TTFT" },
  { name: "ttft_p95", label: "P95 TTFT" },
  { name: "overhead_p99", label: "P99 overhead" },
  { name: "unpriced_calls", label: "Unpriced calls" },
];

/** All that have a target or a limit: the sentence about the whole leaves none out. */
export const JUDGED = [
  "p50_latency", "p95_latency", "p99_latency", "mean_latency", "token_reduction", "quality_score", "quality_regression", "user_satisfaction", "cache_hit_rate",
  "cache_memory_usage", "ttl_effectiveness", "cost_per_request", "budget_utilization", "unpriced_calls", "error_rate", "availability",
];

/** Columns of the one series question the Overview asks. */
export const SERIES = [
  "p50_latency", "p95_latency", "p99_latency",
  "tokens_per_request", "quality_score", "cache_hit_rate", "total_cost", "error_rate",
];

/** KPIs of a snapshot by name. */
export const byName = (snapshot) => new Map((snapshot?.kpis ?? []).map((kpi) => [kpi.name, kpi]));

/** One sentence about the whole, from the states of the server. */
export function verdict(snapshot, text) {
  const kpis = snapshot.kpis;
  const requests = kpis.find((kpi) => kpi.name === "request_count");
  if (requests === undefined || requests.value === null || requests.value === 0) {
    return { tone: "muted", icon: "none", text: "No requests in this window." };
  }
  const off = kpis.filter((kpi) => STATES[kpi.state]?.weight >= 2);
  off.sort((a, b) => STATES[b.state].weight - STATES[a.state].weight);
  const met = kpis.filter((kpi) => kpi.state === "met").length;
  if (off.length === 0) {
    if (met === 0) return { tone: "muted", icon: "none", text: "Too few requests for a judgement yet." };
    return { tone: "good", icon: "good", text: `Healthy: all ${met} measured targets are met.` };
  }
  const worst = off[0];
  const { tone, icon } = STATES[worst.state];
  const target = worst.target === null ? "" : ` (target ${worst.target})`;
  const more = off.length > 1 ? ` and ${off.length - 1} more off target` : "";
  const word = { critical: "Critical", alert: "Alert", off_target: "Off target" }[worst.state];
  return { tone, icon, text: `${word}: ${worst.title} is ${text(worst)}${target}${more}; ${met} met.` };
}

/** Fewest whole steps a chart may have room for; more would mean a broken answer. */
const MOST_STEPS = 2_000;

/**
 * A series answer on an even grid: `{times, columns}` with unix seconds and, per KPI, one
 * `{value, n, unknown}` per step. Steps without a row had no calls: they are unknown, not 0.
 */
export function onGrid(table) {
  const step = (table.step_minutes ?? 1) * 60e6;
  const rows = new Map(table.rows.map((row) => [row.from, row]));
  const first = Math.floor(table.window.from / step) * step;
  const times = [];
  const columns = table.kpis.map(() => []);
  for (let at = first; at < table.window.to && times.length < MOST_STEPS; at += step) {
    times.push(at / 1e6);
    const row = rows.get(at);
    table.kpis.forEach((_, i) => columns[i].push(cell(row?.values[i])));
  }
  return { times, step: step / 1e6, names: table.kpis, columns };
}

function cell(measured) {
  if (measured === undefined) return { value: null, n: 0, unknown: "no_data" };
  const value = measured.value?.value ?? null;
  return { value, n: measured.n, unknown: measured.value?.unknown ?? null };
}

/** Column of one KPI. */
export function column(grid, name) {
  const at = grid.names.indexOf(name);
  return at < 0 ? [] : grid.columns[at];
}
