// What was done to a call, in few words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { doneWords } from "../../../web/words.mjs";

test("memory and optimisations that acted are named, and nothing where none did", () => {
  const said = (cache_outcome, optimizations) => doneWords({ cache_outcome, optimizations });
  assert.equal(said("hit_semantic", ["response_caching"]), "hit, alike");
  assert.equal(said("miss", ["context_pruning", "model_selection"]), "miss; pruned; model");
  assert.equal(said("disabled", []), null);
  assert.equal(said("bypass", undefined), null);
  const tried = (client_retry, attempts) => doneWords({ cache_outcome: "bypass", optimizations: [], client_retry, attempts });
  assert.deepEqual([tried(0, 1), tried(1, 1), tried(1, 3), tried(0, 0)], [null, "1 retry", "3 retries", null], "the client's own and ours");
});
