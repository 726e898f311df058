// Words for the closed sets of a call row: how it ended and where each figure came from. Refuses
// to translate a word it does not know: that one is shown as it came.

export const STATUS = {
  ok: { word: "ok", tone: "good", icon: "good" },
  error: { word: "error", tone: "critical", icon: "critical" },
  cancelled: { word: "cancelled", tone: "muted", icon: "none" },
  truncated: { word: "truncated", tone: "warning", icon: "warning" },
  interrupted: { word: "interrupted", tone: "warning", icon: "warning" },
  refused: { word: "refused", tone: "muted", icon: "pause" },
};

const ERROR = {
  upstream_5xx: "upstream answered 5xx", upstream_429: "upstream answered 429", timeout: "no answer in time",
  unreachable: "upstream unreachable", in_stream: "error inside the stream", truncated: "answer ended early",
  client_4xx: "the request was wrong", own_limit: "our own limit", gateway: "flowgauge failed", reported: "reported by the producer",
};

const DOOR = {
  gateway: "gateway's own clock", otlp_grpc: "span start to end, as sent over OTLP", otlp_http: "span start to end, as sent over OTLP",
  import: "the imported file",
};

const TTFT = {
  none: "not known", gateway: "gateway's own clock", attribute: "span attribute", event: "span event", completion_start: "producer's completion start time",
};

const USAGE = { absent: "nobody gave token counts", provider: "counted by the provider", estimated: "counted locally, an estimate" };

const NO_COST = {
  no_price: "no price for this model", no_usage: "no token counts", no_model: "no model", unit_unpriced: "a unit of the call has no price",
};

const said = (words, word) => words[word] ?? word ?? "not known";

export const errorWords = (row) => (row.error_class === "none" || row.error_class === undefined ? null : said(ERROR, row.error_class));
export const latencyFrom = (row) => said(DOOR, row.door);
export const ttftFrom = (row) => said(TTFT, row.ttft_source);
export const usageFrom = (row) => said(USAGE, row.usage_source);

/** Where a cost came from, or why there is none. */
export function costFrom(row) {
  if (row.cost_nanos === null || row.cost_nanos === undefined) return said(NO_COST, row.cost_unknown_reason);
  if (row.cost_source === "reported") return "the producer's own figure";
  return `tokens × price table ${row.price_version ?? "of unknown version"}`;
}

/** The model that answered, else the one asked for. */
export const modelOf = (row) => row.model_used ?? row.model_requested;

const LOOKED = { hit_exact: "hit", hit_semantic: "hit, alike", miss: "miss" };
const DID = { context_pruning: "pruned", prompt_optimization: "prompt", model_selection: "model" };

/** What memory, optimisations and retries did to a call, in few words; null for nothing. */
export function doneWords(row) {
  const done = (row.optimizations ?? []).filter((name) => name !== "response_caching").map((name) => said(DID, name));
  const again = (row.client_retry ?? 0) + Math.max(0, (row.attempts ?? 1) - 1);
  const retried = again === 0 ? undefined : again === 1 ? "1 retry" : `${again} retries`;
  return [LOOKED[row.cache_outcome], ...done, retried].filter((word) => word !== undefined).join("; ") || null;
}
