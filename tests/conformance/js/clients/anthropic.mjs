// Calls through the gateway with the Anthropic SDK; prints what the SDK made of the answers.
//
// usage: anthropic.mjs BASE_URL
import Anthropic from "@anthropic-ai/sdk";
import { versionOf } from "./versions.mjs";

const client = new Anthropic({ baseURL: process.argv[2], apiKey: "sk-ant-test", maxRetries: 0 });
const request = { model: "claude-sonnet-4-5", max_tokens: 50, messages: [{ role: "user", content: "hello" }] };

const out = { version: versionOf("@anthropic-ai/sdk") };

const message = await client.messages.create(request);
out.message = { text: message.content[0].text, usage: message.usage };

const stream = client.messages.stream(request);
out.stream = { text: await stream.finalText(), usage: (await stream.finalMessage()).usage };

try {
  await client.messages.create({ ...request, model: "error-500" });
  out.error = null;
} catch (error) {
  out.error = { name: error.constructor.name, status: error.status, message: error.error?.error?.message };
}

console.log(JSON.stringify(out));
