// Calls through the gateway with the OpenAI SDK; prints what the SDK made of the answers.
//
// usage: openai.mjs BASE_URL
import OpenAI from "openai";
import { versionOf } from "./versions.mjs";

const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "sk-test", maxRetries: 0 });
const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "hello" }];
const script = (what) => ({ headers: { "x-script": JSON.stringify(what) } });

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const content = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");

const out = { version: versionOf("openai"), node: process.version };

const chat = await client.chat.completions.create({ model, messages });
out.chat = { text: chat.choices[0].message.content, usage: chat.usage };

const plain = await all(await client.chat.completions.create({ model, messages, stream: true }));
out.stream = { text: content(plain), usages: plain.map((c) => c.usage ?? null), empty: plain.filter((c) => !c.choices.length).length };

const asking = { model, messages, stream: true, stream_options: { include_usage: true } };
const counted = await all(await client.chat.completions.create(asking));
out.stream_usage = { text: content(counted), usage: counted.at(-1).usage };

const response = await client.responses.create({ model, input: "hello" });
out.responses = { text: response.output_text, usage: response.usage };

const events = await all(await client.responses.create({ model, input: "hello", stream: true }));
out.responses_stream = { last: events.at(-1).type, usage: events.at(-1).response.usage };

const vectors = await client.embeddings.create({ model, input: "hello", encoding_format: "float" });
out.embeddings = { vector: vectors.data[0].embedding, usage: vectors.usage };

try {
  await client.chat.completions.create({ model, messages }, script({ status: 429 }));
  out.error = null;
} catch (error) {
  out.error = { name: error.constructor.name, status: error.status, message: error.error?.message };
}

const { response: head } = await client.chat.completions.create({ model, messages }).withResponse();
out.id = head.headers.get("x-flowgauge-request-id");

console.log(JSON.stringify(out));
