// The live stream: the last five minutes by seconds and the newest calls. Refuses to invent seconds
// in which it was not connected: they are unknown.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { lookWho } from "./session.mjs";

/** Five minutes by seconds. */
export const SECONDS = 300;
/** Calls of the tail: about what one looks at. */
const TAIL = 40;
/** Wait before a refused stream is asked for again. */
const RETRY_MS = 3_000;
/** Redraws for people who asked for less motion. */
const CALM_EVERY = 5;

/** "connecting", "open" or "lost". */
export const connection = signal("connecting");
/** `Map` of unix second to tick. Replaced, never changed, so that readers notice. */
export const ticks = signal(new Map());
/** Newest calls first. */
export const calls = signal([]);
/** The last tick's own figures. */
export const latest = signal(null);

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = { ticks: new Map(), calls: [], count: 0 };
let source = null;
let users = 0;
let retry;

function open() {
  source = new EventSource("/api/v1/live");
  source.onopen = () => (connection.value = "open");
  source.onerror = onError;
  source.addEventListener("tick", (event) => onTick(JSON.parse(event.data)));
  source.addEventListener("call", (event) => onCall(JSON.parse(event.data)));
  source.addEventListener("merged", (event) => onMerged(JSON.parse(event.data)));
}

function onError() {
  connection.value = "lost";
  if (source.readyState !== EventSource.CLOSED) return;
  clearTimeout(retry);
  // A refusal is not told apart from an absence; who asks is known by asking.
  retry = setTimeout(() => users > 0 && lookWho().then(() => users > 0 && open()), RETRY_MS);
}

function onTick(tick) {
  const at = Math.round((typeof tick.now === "number" ? tick.now / 1000 : Date.parse(tick.now)) / 1000);
  waiting.ticks.set(at, tick.last_second);
  for (const second of waiting.ticks.keys()) if (second <= at - SECONDS) waiting.ticks.delete(second);
  waiting.count += 1;
  if (calm.matches && waiting.count % CALM_EVERY !== 1) return;
  latest.value = { ...tick, at };
  ticks.value = new Map(waiting.ticks);
  calls.value = waiting.calls;
}

function onCall(row) {
  waiting.calls = [row, ...waiting.calls.filter((other) => other.call_id !== row.call_id)].slice(0, TAIL);
  if (!calm.matches) calls.value = waiting.calls;
}

/** The row is the same call as another, which is shown or will be. */
function onMerged({ call_id }) {
  waiting.calls = waiting.calls.filter((row) => row.call_id !== call_id);
  if (!calm.matches) calls.value = waiting.calls;
}

/** Connects while a page shows it. What was seen stays for a return to the page. */
export function useLiveStream() {
  useEffect(() => {
    users += 1;
    if (users === 1) open();
    return () => {
      users -= 1;
      if (users === 0) {
        source.close();
        connection.value = "connecting";
      }
    };
  }, []);
}

/** The last five minutes on an even grid of seconds. */
export function secondsGrid(map, at) {
  const times = Array.from({ length: SECONDS }, (_, i) => at - SECONDS + 1 + i);
  const of = (pick) => times.map((second) => cell(map.get(second), pick));
  return {
    times,
    requests: of((tick) => tick.requests),
    errors: of((tick) => tick.errors),
    tokens: of((tick) => tick.tokens),
    spend: of((tick) => tick.cost_nanos / 1e9),
  };
}

function cell(tick, pick) {
  if (tick === undefined) return { value: null, n: 0, unknown: "no_data" };
  return { value: pick(tick) ?? null, n: tick.requests, unknown: "not_reported" };
}
