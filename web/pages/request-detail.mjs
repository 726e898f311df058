// One call: where its time, tokens and money went and where each figure comes from. Refuses markup:
// everything a call carries is shown as text.
import { html } from "../html.mjs";
import { nanos, stamp, us } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { rowsOf, useAnswer } from "../state/answers.mjs";
import { session } from "../state/session.mjs";
import { lengthText } from "../alerts.mjs";
import { nameOf } from "../control.mjs";
import { againCurl, recordCurl } from "../curl.mjs";
import { CallStatus } from "../parts/call-status.mjs";
import { Snippet } from "../parts/copy.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";
import { RequestTable } from "../parts/request-table.mjs";
import { PriceBreakdown, Provenance } from "../parts/provenance.mjs";
import { TokenSum } from "../parts/token-sum.mjs";
import { Bar, Waterfall } from "../parts/waterfall.mjs";
import { costFrom, latencyFrom, modelOf, ttftFrom, usageFrom } from "../words.mjs";
import { count } from "../format.mjs";

const FACTS = [
  ["Model asked for", "model_requested"], ["Model that answered", "model_used"], ["Provider", "provider"], ["Operation", "operation"],
  ["Endpoint", "endpoint"], ["Intent", "intent"], ["Streamed", "stream"], ["HTTP status", "http_status"], ["Error type", "error_type"],
  ["Finish reason", "finish_reason"], ["Attempts", "attempts"], ["Client's own retry", "client_retry"], ["Application", "service"],
  ["Environment", "environment"], ["Version", "version"], ["User (keyed hash)", "user_key"], ["Session (keyed hash)", "session_key"],
  ["Kind of traffic", "source"], ["Came through", "door"], ["Attribute dialect", "dialect"], ["Response cache", "cache_outcome"], ["Trace", "trace_id"], ["Span", "span_id"],
  ["Answer's id", "response_id"], ["Upstream's request id", "upstream_request_id"], ["flowgauge's id", "call_id"],
];

/** The page. */
export function RequestDetail({ id }) {
  const { data: row, error } = useAnswer(`/api/v1/requests/${encodeURIComponent(id)}`);
  return html`
    <a class="back" href=${pageLink("/requests")}><${Icon} name="back" />Requests</a>
    ${row === null && html`<h1>Request</h1>`}
    <${Failure} error=${error} />
    ${row !== null && html`<${Call} row=${row} />`}`;
}

function Call({ row }) {
  return html`
    <div class="page-head">
      <h1>${modelOf(row) ?? "Model not reported"}</h1>
      <${CallStatus} row=${row} full=${true} />
      <time class="muted number" datetime=${row.start_time} title=${row.start_time}>${stamp(new Date(row.start_time))}</time>
    </div>
    <dl class="figures card">
      <${Sourced} label="Latency" value=${us(row.latency_us)} from=${latencyFrom(row)} />
      <${Sourced} label="Time to first token" value=${us(row.ttft_us)} from=${row.stream === false ? "not streamed" : ttftFrom(row)} />
      <${Sourced} label="Upstream" value=${us(row.upstream_us)} from="waiting for head and bytes" />
      <${Sourced} label="Gateway" value=${us(row.gateway_us)} from="latency − upstream" />
      <${Sourced} label="Tokens in / out" value=${`${count(row.input_tokens)} / ${count(row.output_tokens)}`} from=${usageFrom(row)} />
      <${Sourced} label="Cost" value=${nanos(row.cost_nanos)} from=${costFrom(row)} />
    </dl>
    <section class="card"><div class="card-head"><h2>Waterfall</h2></div><${Waterfall} row=${row} /></section>
    <div class="columns">
      <section class="card"><div class="card-head"><h2>Tokens</h2></div><${TokenSum} row=${row} /></section>
      <section class="card"><div class="card-head"><h2>Cost</h2></div><${Money} row=${row} />${(row.price_breakdown ?? []).map((told) => html`<${PriceBreakdown} told=${told} />`)}</section>
    </div>
    ${(row.provenance ?? []).length > 0 && html`<section class="card"><div class="card-head"><h2>Where each number comes from</h2></div><${Provenance} facts=${row.provenance} /></section>`}
    <${Changed} row=${row} />
    ${(row.trace_id || row.response_id) && html`<${Relatives} row=${row} />`}
    <section class="card"><div class="card-head"><h2>Facts</h2><span class="muted">– means not reported</span></div><${Facts} row=${row} /></section>
    <${Attributes} attributes=${row.attributes} />
    <${AsCurl} row=${row} />`;
}

/** For a shell: this record, and the call once more. */
function AsCurl({ row }) {
  const again = againCurl(row, location.origin);
  return html`
    <section class="card"><div class="card-head"><h2>As curl</h2></div>
      <${Snippet} label="This record as curl" code=${recordCurl(row, location.origin, session.value.by !== "open")} />
      ${again !== null && html`<p class="muted">The call once more; what was said is not kept, put it in place of the dots:</p><${Snippet} label="The call as curl" code=${again} />`}
    </section>`;
}

const OUTCOME = { hit_exact: "answered from memory, word for word the same question", hit_semantic: "answered from memory, a question alike", miss: "looked for in memory, not found", bypass: "not looked for", disabled: null };

/** What optimisations did to this call. */
function Changed({ row }) {
  const done = row.optimizations ?? [];
  const arms = Object.fromEntries((row.arm ?? "").split(/\s+/).filter((one) => one.includes("=")).map((one) => one.split("=")));
  const names = [...new Set([...Object.keys(arms), ...done])];
  if (names.length === 0) return null;
  const saved = row.original_input_tokens === null || row.input_tokens === null ? null : row.original_input_tokens - row.input_tokens;
  const what = (name) => {
    if (name === "response_caching") return OUTCOME[row.cache_outcome] === undefined ? null : `${OUTCOME[row.cache_outcome]}${row.cache_age_us === null || row.cache_age_us === undefined ? "" : `, an answer ${lengthText(row.cache_age_us / 1e6)} old`}`;
    if (name === "model_selection") return row.model_requested !== null && row.model_used !== null && row.model_requested !== row.model_used ? `${row.model_requested} → ${row.model_used}` : null;
    return null;
  };
  return html`
    <section class="card"><div class="card-head"><h2>What optimisations did</h2><span class="muted">${saved === null ? "" : `${count(row.original_input_tokens)} tokens asked for, ${count(row.input_tokens)} billed (${saved >= 0 ? "−" : "+"}${count(Math.abs(saved))})`}${row.avoided_cost_nanos === null ? "" : `; ${nanos(row.avoided_cost_nanos)} avoided`}</span></div>
      <dl class="facts">${names.map((name) => html`<div key=${name}><dt>${nameOf(name)}</dt><dd class="break">${done.includes(name) ? "changed this call" : arms[name] === "hold_out" ? "held out: not touched, to be compared with" : "had nothing to change"}${what(name) !== null && `; ${what(name)}`}</dd></div>`)}</dl>
    </section>`;
}

const Sourced = ({ label, value, from }) => html`
  <div class="figure" data-sourced><dt>${label}</dt><dd><span class="figure-value number">${value}</span><span class="figure-facts">${from}</span></dd></div>`;

/** Other rows of the call: found by trace, else by the answer's id, at any age. */
function Relatives({ row }) {
  const name = row.trace_id ? `trace_id=${row.trace_id}` : `response_id=${encodeURIComponent(row.response_id)}`;
  const { data } = useAnswer(`/api/v1/requests?${name}&limit=500${row.trace_id ? "&spans=true" : ""}`);
  const all = rowsOf(data).filter((other) => other.call_id !== row.call_id);
  const others = all.filter((other) => other.leaf !== false);
  const tied = (other) => other.merged_into === row.call_id || row.merged_into === other.call_id;
  // Both doors saw one call; two rows of the gateway are a call and one made for it.
  const same = others.filter((other) => tied(other) && !(other.door === "gateway" && row.door === "gateway"));
  const made = others.filter((other) => !same.includes(other) && (other.merged_into === row.call_id || isChild(row, other)));
  return html`
    <${Trace} row=${row} all=${all} />
    ${same.length > 0 && html`<section class="card"><div class="card-head"><h2>The same call, seen by</h2></div><${RequestTable} label="The same call, seen by" rows=${same} /></section>`}
    ${made.length > 0 && html`<section class="card"><div class="card-head"><h2>Calls made for it</h2></div><${RequestTable} label="Calls made for it" rows=${made} /></section>`}`;
}

/** The application's own spans and this call on one clock. */
function Trace({ row, all }) {
  if (all.length === 0) return null;
  const at = (one) => Date.parse(one.start_time) * 1000;
  const spans = [row, ...all].filter((one) => one.latency_us !== null).sort((a, b) => at(a) - at(b));
  const begin = Math.min(...spans.map(at));
  const length = Math.max(1, ...spans.map((one) => at(one) - begin + one.latency_us));
  return html`
    <section class="card"><div class="card-head"><h2>Trace</h2><span class="muted mono break">${row.trace_id}</span></div>
      <div class="scroll" role="region" aria-label="Trace" tabindex="0"><table class="waterfall">
        <caption class="visually-hidden">Spans of the trace on one clock</caption>
        <thead><tr><th scope="col">Span</th><th scope="col" class="right">Takes</th><th scope="col" class="bar-cell">Time</th><th scope="col" class="right">Begins at</th></tr></thead>
        <tbody>${spans.map((one) => html`<tr key=${one.call_id}><th scope="row" class="break-some">${one === row ? html`<b>this call</b>` : html`<a href=${pageLink(`/requests/${encodeURIComponent(one.call_id)}`)}>${one.leaf === false ? (one.operation ?? "span") : "call"}</a>`} ${one.service ?? ""} ${modelOf(one) ?? ""}</th>
          <td class="right number">${us(one.latency_us)}</td><td class="bar-cell"><${Bar} part=${{ from: at(one) - begin, length: one.latency_us, kind: one === row ? "wait" : "total" }} total=${length} /></td><td class="right number">${us(at(one) - begin)}</td></tr>`)}</tbody>
      </table></div>
    </section>`;
}

const isChild = (row, other) => Boolean(row.span_id) && other.trace_id === row.trace_id && other.parent_span_id === row.span_id;

function Money({ row }) {
  const exact = row.cost_nanos === null || row.cost_nanos === undefined ? "–" : `${row.cost_nanos.toLocaleString("en-US")} nano-dollars`;
  const facts = [["Cost", nanos(row.cost_nanos)], ["Exactly", exact], ["Source", costFrom(row)], ["Price table", row.price_version ?? "–"]];
  if (row.reported_cost_nanos !== null && row.reported_cost_nanos !== undefined) facts.push(["Producer says", nanos(row.reported_cost_nanos)]);
  return html`<dl class="facts facts-wide">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>`;
}

function Facts({ row }) {
  return html`<dl class="facts">${FACTS.map(([name, field]) => html`<div><dt>${name}</dt><dd class="break">${text(row[field])}</dd></div>`)}</dl>`;
}

function Attributes({ attributes }) {
  const entries = Object.entries(attributes ?? {});
  if (entries.length === 0) return null;
  return html`
    <section class="card">
      <div class="card-head"><h2>Attributes as received</h2></div>
      <dl class="facts facts-wide">${entries.map(([name, value]) => html`<div><dt class="mono">${name}</dt><dd class="mono break">${text(value)}</dd></div>`)}</dl>
    </section>`;
}

function text(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
