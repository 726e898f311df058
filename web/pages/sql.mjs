// SQL: a statement, its rows as a table or a chart, the tables there are. Refuses to be more than the
// address says: the statement is in it, so a copied link asks the same.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { count, stamp } from "../format.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { problemOf, request, send, useAnswer } from "../state/answers.mjs";
import { hand } from "../state/files.mjs";
import { recall, remember } from "../state/theme.mjs";
import { LONGEST_NAME, forget, keep, keptOf, planOf } from "../kept.mjs";
import { Chart } from "../parts/chart.mjs";
import { toClipboard } from "../parts/copy.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";

/** The queries of the performance guide, as it has them. */
const EXAMPLES = [
  { title: "Latency trends", sql: "SELECT\n    timestamp,\n    percentile(latency, 0.95) as p95_latency,\n    percentile(latency, 0.50) as p50_latency,\n    avg(latency) as mean_latency\nFROM performance_metrics\nWHERE timestamp >= NOW() - INTERVAL '24 hours'\nGROUP BY timestamp\nORDER BY timestamp;" },
  { title: "Token usage", sql: "SELECT\n    DATE(timestamp) as date,\n    SUM(input_tokens + output_tokens) as total_tokens,\n    AVG(input_tokens + output_tokens) as avg_tokens_per_request,\n    COUNT(*) as request_count\nFROM performance_metrics\nWHERE timestamp >= NOW() - INTERVAL '7 days'\nGROUP BY DATE(timestamp)\nORDER BY date;" },
  { title: "Quality by intent", sql: "SELECT\n    intent_type,\n    DATE(timestamp) as date,\n    AVG(quality_score) as avg_quality,\n    MIN(quality_score) as min_quality,\n    MAX(quality_score) as max_quality,\n    COUNT(*) as sample_count\nFROM quality_metrics\nWHERE timestamp >= NOW() - INTERVAL '24 hours'\nGROUP BY intent_type, DATE(timestamp)\nORDER BY date, intent_type;" },
];
const KEPT = "flowgauge.queries";
/** Rows a page can hold without becoming slow; more are in the file. */
const MOST_ROWS = 5_000;
/** Lines a chart tells apart. */
const MOST_LINES = 6;
const TIMES = /^(timestamp|date)/;

/** The page. */
export function Sql() {
  const asked = params.value.get("q");
  const planned = params.value.get("plan") === "1";
  const [text, setText] = useState(asked ?? EXAMPLES[0].sql);
  const [state, setState] = useState({ busy: false, data: null, problem: null, took: null });
  const field = useRef(null);
  const run = async (sql, plan) => {
    setState((old) => ({ ...old, busy: true, problem: null }));
    const began = performance.now();
    const { data, problem } = await send("POST", "/api/v1/sql", { sql: plan ? planOf(sql) : sql });
    const failed = problem ?? data?.error?.message ?? data?.error ?? null;
    setState({ busy: false, data: failed === null ? data : null, problem: failed === null ? null : String(failed), took: performance.now() - began });
    // Of a plan the places are those of another text.
    if (failed !== null && !(plan && planOf(sql) !== sql)) point(field.current, String(failed));
  };
  const start = (plan) => {
    if (text === asked && plan === planned) run(text, plan);
    else go(addressOf(text, plan));
  };
  useEffect(() => {
    if (asked === null) return;
    setText(asked);
    run(asked, planned);
  }, [asked, planned]);
  const onKey = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    start(false);
  };
  return html`
    <div class="page-head"><h1>SQL</h1><span class="muted">reads only; the same tables as the Postgres port</span></div>
    <div class="sql">
      <section class="card sql-editor">
        <div class="alert-actions" role="group" aria-label="Examples of the guide">${EXAMPLES.map((one) => html`<button type="button" key=${one.title} class="quiet" onClick=${() => setText(one.sql)}>${one.title}</button>`)}</div>
        <textarea ref=${field} aria-label="Statement" spellcheck="false" rows="11" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${onKey}></textarea>
        <div class="alert-actions">
          <button type="button" class="primary" disabled=${state.busy} onClick=${() => start(false)}>${state.busy ? "Running…" : "Run"}</button><span class="muted">Ctrl+Enter</span>
          <button type="button" disabled=${state.busy} onClick=${() => start(true)}>Explain</button>
          <${Link} sql=${text} />
          <${File} sql=${text} />
        </div>
        ${state.problem !== null && html`<${Failure} error=${state.problem} />`}
        <${Kept} sql=${text} open=${setText} />
      </section>
      <${Schema} put=${(word) => insert(field.current, word, setText)} />
    </div>
    ${state.data !== null && html`<${Answer} told=${state.data} took=${state.took} />`}
    ${state.data === null && state.problem === null && !state.busy && html`<p class="note"><${Icon} name="none" /><span>Nothing was run yet. Choose an example, or write one: a table's columns are at the side.</span></p>`}`;
}

/** The place a refusal names: "line 1, column 8". */
function point(field, problem) {
  const place = /line (\d+), column (\d+)/.exec(problem);
  if (place === null || field === null) return;
  const before = field.value.split("\n").slice(0, Number(place[1]) - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const at = before + Number(place[2]) - 1;
  field.focus();
  field.setSelectionRange(at, Math.min(field.value.length, at + 1));
}

function insert(field, word, setText) {
  const [from, to] = [field.selectionStart, field.selectionEnd];
  setText(field.value.slice(0, from) + word + field.value.slice(to));
  field.focus();
}

/** This page asking for a statement, or for its plan. */
const addressOf = (sql, plan) => withParams({ q: sql, plan: plan ? "1" : null });

/** A link to what stands in the field, whether it was run or not. */
function Link({ sql }) {
  const [said, setSaid] = useState(null);
  const copy = async () => setSaid((await toClipboard(new URL(addressOf(sql, false), location.href).href)) ? "Copied" : "Run it and copy the address");
  useEffect(() => setSaid(null), [sql]);
  return html`<button type="button" onClick=${copy}><${Icon} name=${said === "Copied" ? "good" : "copy"} /><span aria-live="polite">${said ?? "Link to this statement"}</span></button>`;
}

/** Statements kept in this browser, by name. */
function Kept({ sql, open }) {
  const [kept, setKept] = useState(() => keptOf(recall(KEPT)));
  const [said, setSaid] = useState(null);
  const store = (all, word) => {
    const text = all.length === 0 ? null : JSON.stringify(all);
    remember(KEPT, text);
    setKept(all);
    setSaid(recall(KEPT) === text ? word : "This browser keeps nothing for this site: it lasts until the page is closed.");
  };
  const save = (event) => {
    event.preventDefault();
    const { all, problem } = keep(kept, new FormData(event.target).get("name"), sql);
    if (problem !== null) {
      setSaid(problem);
      return;
    }
    store(all, `Saved as ${all[0].title}`);
    event.target.reset();
  };
  return html`
    <form class="filters-flat" onSubmit=${save}><label>Name<input name="name" maxlength=${LONGEST_NAME} placeholder="its own words" autocomplete="off" /></label><button type="submit">Save in this browser</button><span role="status" class="muted break">${said}</span></form>
    ${kept.length > 0 && html`<ul class="silences kept" aria-label="Saved statements">${kept.map((one) => html`
      <li key=${one.title}><button type="button" class="quiet mono cut" title=${one.sql} onClick=${() => open(one.sql)}>${one.title}</button><button type="button" aria-label=${`Forget ${one.title}`} onClick=${() => store(forget(kept, one.title), `Forgot ${one.title}`)}>×</button></li>`)}</ul>`}`;
}

/** All rows as a file, made by the server. */
function File({ sql }) {
  const [said, setSaid] = useState(null);
  const get = async (format) => {
    setSaid("making it…");
    try {
      const response = await request("POST", "/api/v1/sql", { sql, format });
      if (!response.ok) {
        setSaid(await problemOf(response));
        return;
      }
      hand(`flowgauge-query.${format}`, response.headers.get("content-type") ?? "", await response.blob());
      setSaid(null);
    } catch {
      setSaid("The answer broke off: the file would not be whole.");
    }
  };
  return html`<span class="page-tools alert-actions">${["csv", "parquet"].map((format) => html`<button type="button" key=${format} onClick=${() => get(format)}>${format === "csv" ? "CSV" : "Parquet"}</button>`)}<span role="status" class="muted break">${said}</span></span>`;
}

function Schema({ put }) {
  const { data, error } = useAnswer("/api/v1/sql/tables");
  return html`
    <section class="card schema">
      <h2>Tables</h2>
      <${Failure} error=${error} />
      ${(data ?? []).map((table) => html`
        <details key=${table.name}><summary class="mono">${table.name}</summary>
          <p class="muted">${table.meaning}</p>
          <ul>${table.columns.map((column) => html`<li key=${column.name}><button type="button" class="quiet mono" title=${column.meaning} onClick=${() => put(column.name)}>${column.name}</button> <span class="muted">${column.type}${column.unit ? `, ${column.unit}` : ""}</span></li>`)}</ul>
        </details>`)}
    </section>`;
}

function Answer({ told, took }) {
  const rows = told.rows.slice(0, MOST_ROWS);
  const plan = planIn(told);
  const lines = useMemo(() => linesOf(told.columns, rows), [told]);
  if (plan !== null) return html`<${Card} title="Plan" hint=${`${Math.round(took)} ms; how the engine would read it, from the last step to the first`}>${plan.map(([title, text]) => html`<h3 key=${title}>${title.replaceAll("_", " ")}</h3><pre class="report" tabindex="0" aria-label=${title.replaceAll("_", " ")}>${text}</pre>`)}<//>`;
  const view = params.value.get("view") === "chart" && lines !== null ? "chart" : "table";
  const cut = told.rows.length > MOST_ROWS ? `, the first ${count(MOST_ROWS)} are shown` : "";
  const tools = lines === null ? html`<span class="muted">a chart needs a time and numbers</span>` : html`
    <span class="segments" role="group" aria-label="Shown as">${["table", "chart"].map((word) => html`<a key=${word} href=${withParams({ view: word })} aria-current=${view === word ? "true" : null}>${word}</a>`)}</span>`;
  return html`
    <${Card} title="Answer" hint=${`${count(told.row_count ?? told.rows.length)} rows${cut}, ${Math.round(took)} ms`} tools=${tools}>
      ${(told.missing ?? []).length > 0 && html`<p class="note tone-warning"><${Icon} name="warning" /><span class="break">Not everything could be read: ${told.missing.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("; ")}</span></p>`}
      ${view === "chart" && html`<${Chart} label="Answer over time" times=${lines.times} series=${lines.series} text=${(value) => count(Math.abs(value) < 100 ? +value.toFixed(3) : value)} window=${[lines.times[0], lines.times.at(-1) + 1]} showSamples=${false} />`}
      <div hidden=${view === "chart"}><${DataTable} label="Answer" rows=${rows} empty="No row." columns=${told.columns.map((column, i) => ({ title: column.name, name: column.name, right: isNumber(column.type), of: (row) => bare(row[i]), show: (row) => shown(row[i], column.type) }))} /></div>
    <//>`;
}

/** The plans of an EXPLAIN, each with its title; nothing where it is an answer of another kind. */
const planIn = ({ columns, rows }) => (columns.length === 2 && columns[0].name === "plan_type" && columns[1].name === "plan" ? rows.map(([title, text]) => [String(title), String(text)]) : null);

const isNumber = (type) => /int|double|numeric|real|decimal|float/.test(type);
const bare = (value) => (value === null || typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value));

function shown(value, type) {
  if (value === null) return html`<span class="muted">NULL</span>`;
  if (/^timestamp/.test(type) && typeof value === "string") return stamp(new Date(value));
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(+value.toPrecision(7));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A time column and the number columns after it; nothing where a moment comes twice. */
function linesOf(columns, rows) {
  const at = columns.findIndex((column) => TIMES.test(column.type));
  const numbers = columns.map((column, i) => ({ ...column, i })).filter((column) => isNumber(column.type)).slice(0, MOST_LINES);
  if (at < 0 || numbers.length === 0 || rows.length < 2) return null;
  const sorted = rows.map((row) => [Date.parse(row[at]) / 1000, row]).sort((a, b) => a[0] - b[0]);
  const times = sorted.map(([time]) => time);
  if (times.some((time, i) => Number.isNaN(time) || time === times[i - 1])) return null;
  const cell = (value) => ({ value: value === null ? null : Number(value), n: null, unknown: "no_data" });
  return { times, series: numbers.map((column, i) => ({ label: column.name, dash: [undefined, [8, 3], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]][i], cells: sorted.map(([, row]) => cell(row[column.i])) })) };
}
