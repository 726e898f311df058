// Which snippet a client turns green.
import assert from "node:assert/strict";
import { test } from "node:test";
import { others, seenBy, snippets } from "../../../web/parts/snippets.mjs";

const client = (family, second) => ({ family, title: family, version: null, calls: 1, last_seen: `2026-05-05T12:00:0${second}.000000Z` });
const all = snippets("http://127.0.0.1:4000");
const green = (clients) => all.filter((one) => seenBy(one.families, clients) !== null).map((one) => one.title);

test("a client turns its own snippet green and no other that it can be told from", () => {
  assert.deepEqual(green([]), []);
  assert.deepEqual(green([client("curl", 1)]), ["curl"]);
  assert.deepEqual(green([client("openai_js", 1)]), ["Any OpenAI SDK", "JavaScript"]);
  assert.deepEqual(green([client("otel_python", 1)]), ["OpenTelemetry"]);
  assert.deepEqual(green([client("langchain", 1)]), ["Any OpenAI SDK", "LangChain"]);
});

test("where clients look alike, the snippet says so", () => {
  assert.deepEqual(green([client("openai_python", 1)]), ["Any OpenAI SDK", "Python", "LangChain", "LiteLLM"]);
  for (const title of ["LangChain", "LiteLLM"]) assert.match(all.find((one) => one.title === title).alike, /either turns this green/);
});

test("the last of several is told, and those without a snippet are told apart", () => {
  const clients = [client("otel_python", 2), client("otlp_other", 5), client("anthropic_python", 3)];
  assert.equal(seenBy(all.at(-1).families, clients).family, "otlp_other");
  assert.deepEqual(others(all, clients).map((one) => one.family), ["anthropic_python"]);
});
