// Commands for a shell that ask again what the page shows. Refuses to put a key or anything that could run into them: names from
// outside stand in single quotes.

const PATHS = { chat: "/v1/chat/completions", responses: "/v1/responses", messages: "/v1/messages", completions: "/v1/completions", embeddings: "/v1/embeddings" };
/** What was said is not kept: whoever asks again says it. */
const SAY = "…";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The record of a call; `keyed` where a key is demanded. */
export const recordCurl = (row, origin, keyed) => `curl ${keyed ? '-H "authorization: Bearer $FLOWGAUGE_KEY" ' : ""}${quoted(`${origin}/api/v1/requests/${encodeURIComponent(row.call_id)}`)}`;

/** The call once more, through the gateway; null where it is no call of a shape that is known. */
export function againCurl(row, origin) {
  const path = PATHS[row.protocol];
  if (path === undefined || row.model_requested === null) return null;
  const anthropic = row.protocol === "messages";
  const body = { model: row.model_requested, ...saying(row.protocol), ...(anthropic ? { max_tokens: 1024 } : {}), ...(row.stream ? { stream: true } : {}) };
  const headers = ["content-type: application/json", ...(row.intent ? [`x-flowgauge-intent: ${row.intent}`] : [])];
  const key = anthropic ? '-H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01"' : '-H "authorization: Bearer $OPENAI_API_KEY"';
  return `curl ${quoted(origin + path)} ${key} \\\n  ${headers.map((line) => `-H ${quoted(line)}`).join(" ")} \\\n  -d ${quoted(JSON.stringify(body))}`;
}

function saying(protocol) {
  if (protocol === "chat" || protocol === "messages") return { messages: [{ role: "user", content: SAY }] };
  return protocol === "completions" ? { prompt: SAY } : { input: SAY };
}
