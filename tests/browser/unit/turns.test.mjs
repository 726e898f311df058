// Whose question is asked next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inTurn } from "../../../web/state/turns.mjs";

/** Questions by name that end when they are told to; which were begun, in order. */
function asker() {
  const begun = [];
  const ends = new Map();
  const ask = (name, how) => inTurn(() => new Promise((end, fail) => {
    begun.push(name);
    ends.set(name, { end: () => end(name), fail: () => fail(new Error(name)) });
  }), how);
  return { begun, ask, end: (name) => ends.get(name).end(), fail: (name) => ends.get(name).fail() };
}

/** Lets everything that is due happen. */
const settle = () => new Promise((go) => setImmediate(go));

test("what is wanted first is asked before what was asked for earlier, and three at once", async () => {
  const { begun, ask, end } = asker();
  const all = ["a", "b", "c", "d"].map((name) => ask(name)).concat(ask("figures", { first: true }));
  await settle();
  assert.deepEqual(begun, ["figures", "a", "b"]);
  end("a");
  await settle();
  assert.deepEqual(begun, ["figures", "a", "b", "c"]);
  ["figures", "b", "c"].forEach(end);
  await settle();
  end("d");
  assert.deepEqual(await Promise.all(all), ["a", "b", "c", "d", "figures"]);
});

test("one that fails gives its turn on, and one that was given up is never asked", async () => {
  const { begun, ask, end, fail } = asker();
  const busy = ["e", "f", "g"].map((name) => ask(name));
  await settle();
  const stop = new AbortController();
  const given = ask("given up", { signal: stop.signal });
  const last = ask("last");
  stop.abort();
  const lost = assert.rejects(busy[0], /e/);
  fail("e");
  await lost;
  await assert.rejects(given, { name: "AbortError" });
  await settle();
  assert.deepEqual(begun, ["e", "f", "g", "last"]);
  ["f", "g", "last"].forEach(end);
  await Promise.all([busy[1], busy[2], last]);
});
