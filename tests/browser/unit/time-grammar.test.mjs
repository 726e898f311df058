// Moments as Grafana's address bar writes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { minutesOf, moment, sinceOf } from "../../../web/state/time-grammar.mjs";

const NOW = new Date(2026, 10, 25, 14, 37, 12).getTime();
const local = (...parts) => new Date(...parts).getTime();

test("lengths before now, snaps to a unit, and both together", () => {
  assert.equal(moment("now", NOW), NOW);
  assert.equal(moment("now-6h", NOW), NOW - 6 * 3_600_000);
  assert.equal(moment("now/d", NOW), local(2026, 10, 25));
  assert.equal(moment("now/d", NOW, true), local(2026, 10, 26));
  assert.equal(moment("now-1d/d", NOW), local(2026, 10, 24));
  assert.equal(moment("now/w", NOW), local(2026, 10, 23), "weeks begin on Monday");
  assert.equal(moment("now-1M/M", NOW), local(2026, 9, 1));
  assert.equal(moment("now/h", NOW), local(2026, 10, 25, 14));
});

test("moments in RFC 3339 and in unix milliseconds", () => {
  assert.equal(moment("2026-11-25T10:00:00Z", NOW), Date.parse("2026-11-25T10:00:00Z"));
  assert.equal(moment("1795959120000", NOW), 1_795_959_120_000);
});

test("what is no moment is null", () => {
  for (const text of ["now-", "now-6", "now-6x", "tomorrow", "", "now-6h rest"]) assert.equal(moment(text, NOW), null, text);
});

test("a length up to now is asked as a length", () => {
  assert.equal(sinceOf("now-6h", "now"), "6h");
  assert.equal(sinceOf("now-2w", "now"), "14d");
  assert.equal(sinceOf("now-6h", null), "6h");
  assert.equal(sinceOf("now-6h", "now-1h"), null);
  assert.equal(sinceOf("now/d", "now"), null);
  assert.equal(minutesOf("6h"), 360);
  assert.equal(minutesOf("forever"), null);
});
