// Statements that are kept under a name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LONGEST_SQL, MOST_KEPT, forget, keep, keptOf, planOf } from "../../../web/kept.mjs";

test("a statement is kept under its name, or under its own words where it has none", () => {
  const { all } = keep([], "  p95 by hour ", "SELECT 1");
  assert.deepEqual(all, [{ title: "p95 by hour", sql: "SELECT 1" }]);
  assert.equal(keep(all, "", "SELECT\n  2").all[0].title, "SELECT 2");
  assert.deepEqual(keptOf(JSON.stringify(all)), all);
});

test("a name stands for one statement: the last that was saved", () => {
  const first = keep([], "mine", "SELECT 1").all;
  assert.deepEqual(keep(first, "mine", "SELECT 2").all, [{ title: "mine", sql: "SELECT 2" }]);
  assert.deepEqual(forget(first, "mine"), []);
});

test("what has no room is refused, and nothing is dropped for it", () => {
  const full = Array.from({ length: MOST_KEPT }, (_, n) => ({ title: `n${n}`, sql: "SELECT 1" }));
  const refused = keep(full, "more", "SELECT 1");
  assert.match(refused.problem, /forget one first/);
  assert.equal(refused.all, full);
  assert.equal(keep(full, "n3", "SELECT 2").problem, null, "a name that is taken needs no room");
  assert.match(keep([], "x", "x".repeat(LONGEST_SQL + 1)).problem, /more than 20000/);
  const long = Array.from({ length: 10 }, (_, n) => ({ title: `n${n}`, sql: "x".repeat(LONGEST_SQL) }));
  assert.match(keep(long, "one more", "SELECT 1").problem, /too long together/);
  assert.match(keep([], "x", " \n").problem, /no statement/);
});

test("what others left in the storage is left out", () => {
  for (const text of [null, "", "{", "7", '{"sql":"x"}', '[{"sql":1,"title":"a"},null,3]']) assert.deepEqual(keptOf(text), [], text);
  assert.equal(keptOf(JSON.stringify(Array.from({ length: 99 }, () => ({ title: "a".repeat(500), sql: "s" })))).length, MOST_KEPT);
  assert.deepEqual(keptOf(JSON.stringify([{ title: "big", sql: "x".repeat(LONGEST_SQL + 1) }])), []);
});

test("the plan of a plan is the plan", () => {
  assert.equal(planOf("SELECT 1"), "EXPLAIN SELECT 1");
  assert.equal(planOf(" explain select 1"), " explain select 1");
  assert.equal(planOf("SELECT explain"), "EXPLAIN SELECT explain");
});
