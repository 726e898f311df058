// Commands that are pasted into a shell.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { againCurl, recordCurl } from "../../../web/curl.mjs";

const row = { call_id: "0190", protocol: "chat", model_requested: "gpt-5", stream: true, intent: null };
/** The arguments a shell would hand to curl. */
const argumentsOf = (command) => JSON.parse(spawnSync("sh", ["-c", `curl() { node -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- "$@"; }\n${command}`], { encoding: "utf8", env: { PATH: process.env.PATH, OPENAI_API_KEY: "k", FLOWGAUGE_KEY: "f" } }).stdout);

test("a call is asked again in its own shape, what was said aside", () => {
  const args = argumentsOf(againCurl(row, "http://127.0.0.1:4000"));
  assert.equal(args[0], "http://127.0.0.1:4000/v1/chat/completions");
  assert.deepEqual(JSON.parse(args.at(-1)), { model: "gpt-5", messages: [{ role: "user", content: "…" }], stream: true });
  assert.ok(args.includes("authorization: Bearer k"));
  assert.equal(againCurl({ ...row, protocol: "other" }, "http://x"), null);
});

test("names from outside stay words in the shell", () => {
  const evil = `'; touch /tmp/x; echo $(id) \`id\` "`;
  const args = argumentsOf(againCurl({ ...row, model_requested: evil, intent: evil }, "http://x"));
  assert.equal(JSON.parse(args.at(-1)).model, evil);
  assert.ok(args.includes(`x-flowgauge-intent: ${evil}`));
});

test("the record is asked with a key only where one is demanded, and the key is a variable", () => {
  assert.deepEqual(argumentsOf(recordCurl(row, "http://x", false)), ["http://x/api/v1/requests/0190"]);
  assert.deepEqual(argumentsOf(recordCurl(row, "http://x", true)), ["-H", "authorization: Bearer f", "http://x/api/v1/requests/0190"]);
});
