// Calls through the gateway with the Vercel AI SDK, whose stream parser is strict.
//
// usage: vercel.mjs BASE_URL
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { versionOf } from "./versions.mjs";

const provider = (includeUsage) =>
  createOpenAICompatible({ name: "scripted", baseURL: process.argv[2] + "/v1", apiKey: "sk-test", includeUsage });

const out = { ai: versionOf("ai"), compatible: versionOf("@ai-sdk/openai-compatible") };

async function streamed(includeUsage) {
  const errors = [];
  const stream = streamText({
    model: provider(includeUsage)("gpt-4o-mini"), prompt: "hello", maxRetries: 0,
    onError: ({ error }) => errors.push(String(error)),
  });
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  const usage = await stream.usage;
  return { text, errors, input: usage.inputTokens ?? null, output: usage.outputTokens ?? null };
}

const whole = await generateText({ model: provider(true)("gpt-4o-mini"), prompt: "hello", maxRetries: 0 });
out.generate = { text: whole.text, input: whole.usage.inputTokens, output: whole.usage.outputTokens };
out.stream = await streamed(false);
out.stream_usage = await streamed(true);

console.log(JSON.stringify(out));
