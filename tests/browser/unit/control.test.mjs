// Words of control.
import assert from "node:assert/strict";
import { test } from "node:test";
import { effectText, modeText, sourceText, standingOf } from "../../../web/control.mjs";

const off = { mechanism: "context_pruning", mode: "off", share: null, effective: false, source: "settings", variable: null };
const view = (changes) => ({ readable: true, unreadable: null, kill_all: false, kill_only: [], mechanisms: [off], ...changes });

test("the whole is one sentence, the worst first", () => {
  assert.equal(standingOf(view({ readable: false, unreadable: "change 2 is missing" })).tone, "critical");
  assert.match(standingOf(view({ kill_all: true })).text, /all four are off/);
  assert.match(standingOf(view({ kill_only: ["context_pruning"] })).text, /Context pruning/);
  assert.equal(standingOf(view({})).tone, "muted");
  assert.match(standingOf(view({ mechanisms: [{ ...off, effective: true }] })).text, /At work: Context pruning/);
});

test("a share is told with its mode, and who decides by its own name", () => {
  assert.equal(modeText({ mode: "canary", share: 0.05 }), "canary 5 %");
  assert.equal(modeText({ mode: "on", share: null }), "on");
  assert.equal(sourceText({ source: "kill", variable: null }), "kill switch");
  assert.equal(sourceText({ source: "environment", variable: "DISABLE_ALL_OPTIMIZATIONS" }), "environment (DISABLE_ALL_OPTIMIZATIONS)");
});

test("an effect that is not known is not a number", () => {
  assert.equal(effectText(null, "tokens"), "–");
  assert.equal(effectText({ saved: { tokens: null }, findings: [] }, "tokens"), "n/a");
  assert.equal(effectText({ saved: { tokens: { estimate: 0.213 } }, findings: [] }, "tokens"), "−21.3 %");
  assert.equal(effectText({ findings: [{ metric: "quality", effect: { estimate: -1.25 } }] }, "quality"), "−1.3 points");
});
