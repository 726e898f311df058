// The grid behind a heat map. Refuses to leave out a time in which nothing came.

/** Steps without a row had no calls: their column is empty, not missing. */
export function gridOf({ window, step_minutes: minutes, edges_ms: edges, rows }) {
  const step = minutes === null ? window.to - window.from : minutes * 60e6;
  const first = Math.floor(window.from / step) * step;
  const steps = Math.max(1, Math.ceil((window.to - first) / step));
  const known = new Map(rows.map((row) => [row.from, row.counts]));
  const bins = Math.max(0, edges.length - 1);
  const columns = Array.from({ length: steps }, (_, i) => {
    const from = minutes === null ? window.from : first + i * step;
    const counts = known.get(from) ?? new Array(bins).fill(0);
    return { from, counts, total: counts.reduce((sum, n) => sum + n, 0) };
  });
  return { step, steps, bins, edges, columns, most: Math.max(1, ...columns.flatMap((column) => column.counts)) };
}
