// Verdict, grid, sparkline pieces and waterfall parts: what the page decides itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { onGrid, verdict } from "../../../web/kpi.mjs";

const kpi = (name, state, value = 1) => ({ name, title: name, state, value, target: "< 1", unit: "count" });
const snapshot = (...kpis) => ({ kpis: [{ name: "request_count", title: "Requests", state: "no_target", value: 10, target: null }, ...kpis] });
const text = (one) => String(one.value);

test("the verdict names the worst figure and counts the others", () => {
  const said = verdict(snapshot(kpi("a", "off_target"), kpi("b", "critical", 9), kpi("c", "met")), text);
  assert.equal(said.tone, "critical");
  assert.equal(said.text, "Critical: b is 9 (target < 1) and 1 more off target; 1 met.");
});

test("healthy is said only where a target was measured", () => {
  assert.equal(verdict(snapshot(kpi("a", "met"), kpi("b", "no_data", null)), text).text, "Healthy: all 1 measured targets are met.");
  assert.equal(verdict(snapshot(kpi("b", "no_data", null)), text).tone, "muted");
});

test("no requests is not healthy", () => {
  const none = snapshot();
  none.kpis[0].value = 0;
  assert.equal(verdict(none, text).text, "No requests in this window.");
});

test("a step without a row is unknown on the grid, not 0", () => {
  const minute = 60e6;
  const measured = (value) => ({ value: { value }, n: 3 });
  const grid = onGrid({
    window: { from: 2 * minute, to: 5 * minute }, step_minutes: 1, kpis: ["a"], gaps: [],
    rows: [{ from: 2 * minute, key: [], values: [measured(7)] }, { from: 4 * minute, key: [], values: [{ value: { unknown: "too_few" }, n: 2 }] }],
  });
  assert.deepEqual(grid.times, [120, 180, 240]);
  assert.deepEqual(grid.columns[0], [{ value: 7, n: 3, unknown: null }, { value: null, n: 0, unknown: "no_data" }, { value: null, n: 2, unknown: "too_few" }]);
});

test("steps are aligned as the server aligns them", () => {
  const minute = 60e6;
  const grid = onGrid({ window: { from: 7 * minute, to: 21 * minute }, step_minutes: 5, kpis: ["a"], gaps: [], rows: [{ from: 10 * minute, key: [], values: [{ value: { value: 1 }, n: 1 }] }] });
  assert.deepEqual(grid.times, [300, 600, 900, 1200]);
  assert.equal(grid.columns[0][1].value, 1);
});
