// What is taken away as a file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf, fileName } from "../../../web/state/files.mjs";

test("a comma, a quote and a line break are quoted, an unknown value is empty, a number is bare", () => {
  assert.equal(csvOf({ head: ["a", "b"], rows: [["x,y", 1.5], ['say "hi"', null], ["two\nlines", 0]] }), 'a,b\r\n"x,y",1.5\r\n"say ""hi""",\r\n"two\nlines",0\r\n');
});

test("a text that a spreadsheet would run begins with an apostrophe, a negative number does not", () => {
  assert.equal(csvOf({ head: ["a"], rows: [["=HYPERLINK(\"x\")"], ["+1"], ["-1+2"], ["@sum"], [-1]] }), 'a\r\n"\'=HYPERLINK(""x"")"\r\n\'+1\r\n\'-1+2\r\n\'@sum\r\n-1\r\n');
});

test("a file name is letters, digits and dashes", () => {
  assert.equal(fileName("P95 <latency> / time", "csv"), "flowgauge-p95-latency-time.csv");
});
