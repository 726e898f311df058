// Reads the five switches with OpenFeature's own provider, then waits until one of them is off.
//
// usage: openfeature.mjs BASE_URL; rolls back itself, so that the delay it prints is that of one process
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { versionOf } from "./versions.mjs";

const base = process.argv[2];
const keys = ["context_pruning", "response_caching", "prompt_optimization", "model_selection", "all"];
const ada = { targetingKey: "ada" };

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: base }));
const client = OpenFeature.getClient();

const read = async (default_) => {
  const found = {};
  for (const key of keys) {
    const said = await client.getBooleanDetails(`optimization.${key}`, default_, ada);
    found[key] = { value: said.value, reason: said.reason, variant: said.variant ?? null, error: said.errorCode ?? null };
  }
  return found;
};

const out = {
  provider: versionOf("@openfeature/ofrep-provider"),
  sdk: versionOf("@openfeature/server-sdk"),
  before: await read(false),
};
const unknown = await client.getBooleanDetails("optimization.nothing", true, ada);
out.unknown = { value: unknown.value, error: unknown.errorCode };

const rollback = await fetch(`${base}/api/v1/control/rollback`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ all: true, author: "ann", reason: "a test" }),
});
out.rollback = rollback.status;
const begun = performance.now();
while (await client.getBooleanValue("optimization.context_pruning", false, ada)) {
  if (performance.now() - begun > 30_000) throw new Error("still on after 30 s");
}
out.seen_after_ms = performance.now() - begun;
out.after = await read(true);
console.log(JSON.stringify(out));
