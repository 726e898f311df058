// The grid behind the heat map.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gridOf } from "../../../web/heat.mjs";

test("steps without calls are empty columns, not missing ones", () => {
  const told = { window: { from: 60e6, to: 360e6 }, step_minutes: 1, edges_ms: [100, 119, 141], rows: [{ from: 120e6, counts: [3, 1] }] };
  const grid = gridOf(told);
  assert.equal(grid.steps, 5);
  assert.deepEqual(grid.columns.map((column) => column.total), [0, 4, 0, 0, 0]);
  assert.equal(grid.most, 3);
});

test("a window that begins within a step shows that step", () => {
  const told = { window: { from: 150 * 60e6, to: 400 * 60e6 }, step_minutes: 60, edges_ms: [1, 2], rows: [{ from: 120 * 60e6, counts: [7] }] };
  const grid = gridOf(told);
  assert.deepEqual([grid.steps, grid.columns[0].total], [5, 7]);
});
