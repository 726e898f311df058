// SQL: a statement, its rows as a table or a chart, the tables there are. Refuses to be more than the
// address says: the statement is in it, so a copied link asks the same.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { count, stamp } from "../format.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { problemOf, request, send, useAnswer } from "../state/answers.mjs";
import { hand } from "../state/files.mjs";
import { recall, remember } from "../state/theme.mjs";
import { Chart } from "../parts/chart.mjs";
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
/** Statements kept in this browser. */
const MOST_KEPT = 30;
/** Rows a page can hold without becoming slow; more are in the file. */
const MOST_ROWS = 5_000;
/** Lines a chart tells apart. */
const MOST_LINES = 6;
const TIMES = /^(timestamp|date)/;

/** The page. */
export function Sql() {
  const asked = params.value.get("q");
  const [text, setText] = useState(asked ?? EXAMPLES[0].sql);
  const [kept, setKept] = useState(recallKept);
  const [state, setState] = useState({ busy: false, data: null, problem: null, took: null });
  const field = useRef(null);
  const run = async (sql) => {
    setState((old) => ({ ...old, busy: true, problem: null }));
    const began = performance.now();
    const { data, problem } = await send("POST", "/api/v1/sql", { sql });
    const failed = problem ?? data?.error?.message ?? data?.error ?? null;
    setState({ busy: false, data: failed === null ? data : null, problem: failed === null ? null : String(failed), took: performance.now() - began });
    if (failed !== null) point(field.current, String(failed));
  };
  const start = () => {
    if (text === asked) run(text);
    else go(withParams({ q: text }));
  };
  useEffect(() => {
    if (asked === null) return;
    setText(asked);
    run(asked);
  }, [asked]);
  const keep = () => setKept(storeKept([{ title: titleOf(text), sql: text }, ...kept.filter((one) => one.sql !== text)]));
  const onKey = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    start();
  };
  return html`
    <div class="page-head"><h1>SQL</h1><span class="muted">reads only; the same tables as the Postgres port</span></div>
    <div class="sql">
      <section class="card sql-editor">
        <div class="alert-actions" role="group" aria-label="Examples of the guide">${EXAMPLES.map((one) => html`<button type="button" key=${one.title} class="quiet" onClick=${() => setText(one.sql)}>${one.title}</button>`)}</div>
        <textarea ref=${field} aria-label="Statement" spellcheck="false" rows="11" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${onKey}></textarea>
        <div class="alert-actions">
          <button type="button" class="primary" disabled=${state.busy} onClick=${start}>${state.busy ? "Running…" : "Run"}</button><span class="muted">Ctrl+Enter</span>
          <button type="button" onClick=${() => run(`EXPLAIN ${text}`)}>Explain</button>
          <button type="button" onClick=${keep}>Save in this browser</button>
          <${File} sql=${text} />
        </div>
        ${state.problem !== null && html`<${Failure} error=${state.problem} />`}
        ${kept.length > 0 && html`<${Kept} kept=${kept} open=${setText} drop=${(sql) => setKept(storeKept(kept.filter((one) => one.sql !== sql)))} />`}
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

const titleOf = (sql) => sql.replace(/\s+/g, " ").trim().slice(0, 80);

function recallKept() {
  try {
    const all = JSON.parse(recall(KEPT) ?? "[]");
    return Array.isArray(all) ? all.filter((one) => typeof one?.sql === "string" && typeof one?.title === "string") : [];
  } catch {
    return [];
  }
}

function storeKept(all) {
  const some = all.slice(0, MOST_KEPT);
  remember(KEPT, some.length === 0 ? null : JSON.stringify(some));
  return some;
}

const Kept = ({ kept, open, drop }) => html`
  <ul class="silences kept" aria-label="Saved statements">${kept.map((one) => html`
    <li key=${one.sql}><button type="button" class="quiet mono cut" onClick=${() => open(one.sql)}>${one.title}</button><button type="button" aria-label=${`Forget ${one.title}`} onClick=${() => drop(one.sql)}>×</button></li>`)}</ul>`;

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
  const lines = useMemo(() => linesOf(told.columns, rows), [told]);
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
