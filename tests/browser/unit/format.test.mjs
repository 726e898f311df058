// The formatter: units, small and large values, and values that are not there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NONE, ago, clock, count, decimal, inUnit, interval, kpiText, ms, nanos, percent, perMinute, points, samples, stamp, us, usd } from "../../../web/format.mjs";

const rows = (format, cases) => {
  for (const [value, text] of cases) assert.equal(format(value), text, `${value}`);
};

test("a missing value is a dash in every unit, never 0", () => {
  for (const format of [ms, us, percent, count, usd, nanos, perMinute]) {
    for (const value of [null, undefined, Number.NaN]) assert.equal(format(value), NONE);
  }
  for (const unit of ["ms", "percent", "tokens", "usd", "per_minute", "count", "rating"]) assert.equal(inUnit(null, unit), NONE);
});

test("milliseconds keep about three figures and become seconds from ten seconds on", () => {
  rows(ms, [[0, "0 ms"], [0.004, "<0.01 ms"], [0.42, "0.42 ms"], [8.14, "8.1 ms"], [9.96, "10 ms"], [1432.4, "1432 ms"], [9999.4, "9999 ms"], [9999.6, "10.0 s"], [12340, "12.3 s"]]);
  rows(us, [[0, "0 ms"], [1500, "1.5 ms"], [812_000, "812 ms"]]);
});

test("percent keeps the digits of small shares", () => {
  rows(percent, [[0, "0%"], [0.004, "<0.01%"], [0.62, "0.62%"], [0.5, "0.5%"], [12.34, "12.3%"], [99.9, "99.9%"], [100, "100%"]]);
});

test("counts are exact to 99,999 and then have three figures", () => {
  rows(count, [[0, "0"], [1176, "1,176"], [99_999, "99,999"], [123_456, "123k"], [999_700, "1.00M"], [1_234_567, "1.23M"], [2_500_000_000, "2.50B"]]);
});

test("money below a cent is not rounded to nothing", () => {
  rows(usd, [[0, "$0"], [0.0000001, "<$0.000001"], [0.00412, "$0.00412"], [0.000421, "$0.000421"], [0.1, "$0.10"], [0.1234, "$0.1234"], [4.8172, "$4.82"], [1234.5, "$1,234.50"], [-2, "−$2.00"]]);
  rows(nanos, [[421_000, "$0.000421"], [0, "$0"]]);
});

test("rates and ratings carry their unit", () => {
  rows(perMinute, [[0, "0/min"], [19.6, "19.6/min"], [120.4, "120/min"]]);
  assert.equal(inUnit(4.26, "rating"), "4.3/5");
  assert.equal(inUnit(1423, "tokens"), "1,423");
});

test("a KPI without a value says why", () => {
  const kpi = { value: null, unit: "ms", n: 14, min_samples: 100 };
  assert.equal(kpiText({ ...kpi, unknown: "too_few" }), "needs 100, has 14");
  assert.equal(kpiText({ ...kpi, unknown: "switched_off" }), "switched off");
  assert.equal(kpiText({ ...kpi, unknown: "not_configured" }), "not measured");
  assert.equal(kpiText({ ...kpi, unknown: null }), "no data");
  assert.equal(kpiText({ ...kpi, value: 812, unknown: null }), "812 ms");
});

test("a change carries its sign, and an interval only those of its ends below 0", () => {
  rows(points, [[4.25, "+4.3"], [-1, "−1.0"], [0, "±0.0"], [null, "–"]]);
  assert.equal(interval(-2.04, 11.3, decimal), "(−2.0 to 11.3)");
});

test("n stays with its number on one line", () => assert.equal(samples(1176), "n\u00a01,176"));

test("moments are shown in the reader's zone", () => {
  const date = new Date(2026, 10, 4, 9, 5, 7);
  assert.equal(stamp(date), "2026-11-04 09:05:07");
  assert.equal(stamp(date, false), "2026-11-04 09:05");
  assert.equal(clock(date), "09:05:07");
});

test("how long ago is rounded to what matters", () => {
  rows((seconds) => ago(0, seconds * 1000), [[1, "just now"], [42, "42 s ago"], [300, "5 min ago"], [7200, "2 h ago"], [259_200, "3 d ago"]]);
});
