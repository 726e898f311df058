// Words and order of alerts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { activeOf, figureText, lengthText, matchersOf, verdictOf } from "../../../web/alerts.mjs";
import { alerts } from "../fixture/alerts.mjs";

const view = (empty) => alerts("GET", "/api/v1/alerts", new URLSearchParams(), empty);

test("lengths keep two units", () => {
  for (const [seconds, text] of [[0, "0 s"], [59.2, "1 min"], [310, "5 min 10 s"], [3600, "1 h"], [10_920, "3 h 2 min"], [187_200, "2 d 4 h"]]) {
    assert.equal(lengthText(seconds), text);
  }
});

test("what fires comes before what waits, the critical first", () => {
  assert.deepEqual(activeOf(view(false)).map(({ rule }) => rule.name), ["p95_latency_critical", "cache_hit_rate_warning", "error_rate_critical"]);
});

test("nothing evaluated is never shown as good", () => {
  assert.equal(verdictOf(view(true)).tone, "muted");
  assert.equal(verdictOf({ ...view(false), at: null }).tone, "muted");
  const quiet = { ...view(false), pending: 0, rules: [] };
  assert.equal(verdictOf({ ...quiet, rules: [{ name: "a", severity: "info", instances: [] }] }).text, "Nothing fires.");
});

test("what is hidden is told", () => {
  assert.deepEqual(verdictOf(view(false)), { tone: "critical", icon: "critical", text: "2 alerts fire. 1 of them not told: silenced or inhibited." });
});

test("an unknown value is a dash", () => assert.equal(figureText({ value_text: null, threshold_text: "75%" }), "–"));

test("matchers of an instance are quoted", () => {
  assert.deepEqual(matchersOf({ name: "a" }, { labels: { model: 'x"y\\z' } }), ['alertname="a"', 'model="x\\"y\\\\z"']);
});
