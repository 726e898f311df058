// A diagnosis: the verdict, findings with what shows them and what to do next, and its tables. Refuses
// to judge: words and figures are the server's, shown as text.
import { html } from "../html.mjs";
import { NONE, count, inUnit, stamp } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { Snippet } from "./copy.mjs";
import { Card, DataTable } from "./data-table.mjs";
import { Icon } from "./icon.mjs";

const TONES = { nothing: ["good", "good"], finding: ["warning", "warning"], unknown: ["muted", "none"] };
const SEVERITY = { info: ["info", "none"], warning: ["warning", "warning"], critical: ["critical", "critical"] };
/** An id of a call. */
const CALL = /^[0-9a-f]{32}$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The verdict and the findings. */
export function Diagnosis({ told }) {
  const [tone, icon] = TONES[told.verdict] ?? TONES.unknown;
  return html`
    <div class=${`verdict verdict-${tone}`} data-diagnosis=${told.verdict}><p role="status"><${Icon} name=${icon} /><span class="break">${told.sentence}</span></p></div>
    ${told.findings.length > 0 && html`<ol class="findings">${told.findings.map((one, i) => html`<${Finding} key=${i} one=${one} of=${told.name.replaceAll("_", " ")} />`)}</ol>`}
    ${told.notes.map((text) => html`<p class="muted" key=${text}>${text}</p>`)}
    <${Compared} told=${told} />`;
}

function Finding({ one, of }) {
  const [tone, icon] = SEVERITY[one.severity] ?? SEVERITY.info;
  return html`
    <li class="card" data-finding=${one.cause}>
      <p><span class=${`status tone-${tone}`}><${Icon} name=${icon} />${one.severity}</span> <b class="break">${one.sentence}</b></p>
      <${DataTable} label=${`What shows it, by ${of}: ${one.sentence}`} rows=${one.evidence} columns=${EVIDENCE} />
      ${one.next !== "" && html`<${Snippet} label="Next command" code=${one.next} />`}
    </li>`;
}

const EVIDENCE = [
  { title: "Figure", of: (e) => e.what },
  { title: "Now", right: true, of: (e) => e.value, show: (e) => inUnit(e.value, e.unit) },
  { title: "Before", right: true, of: (e) => e.before, show: (e) => inUnit(e.before, e.unit) },
  { title: "Effect", right: true, of: (e) => e.effect, show: (e) => effect(e) },
  { title: "p", right: true, of: (e) => e.p, show: (e) => (e.p === null ? NONE : e.p < 0.001 ? "<0.001" : e.p.toFixed(3)), definition: "How often chance alone would show so much, corrected for how many were looked at" },
  { title: "n", right: true, of: (e) => e.n, show: (e) => count(e.n) },
];

function effect({ effect: value, interval }) {
  if (value === null) return NONE;
  const side = (v) => `${v > 0 ? "+" : ""}${v.toFixed(Math.abs(v) < 10 ? 2 : 0)}`;
  return interval === null ? side(value) : `${side(value)} (${side(interval.low)} to ${side(interval.high)})`;
}

function Compared({ told }) {
  const used = told.references.find((one) => one.used);
  return html`
    <p class="muted">${used === undefined ? "Nothing to compare with." : `Compared with ${used.name}: ${count(used.n)} calls, ${stamp(new Date(used.window.from / 1000), false)} – ${stamp(new Date(used.window.to / 1000), false)}.`}
      ${told.unknown.length > 0 && ` Not known: ${told.unknown.join("; ")}.`}</p>`;
}

/** One table of a diagnosis; `only` picks columns by name. */
export function Sheet({ told, title, label = title, hint = null, unit = null, only = null, values = null, empty = undefined }) {
  const sheet = told.sheets.find((one) => one.title === title);
  if (sheet === undefined) return null;
  const columns = sheet.columns.map((column, at) => ({ ...column, at })).filter((column) => only === null || only.includes(column.name));
  return html`
    <${Card} title=${label} hint=${hint}>
      <${DataTable} label=${label} rows=${sheet.rows} empty=${empty} columns=${columns.map((column) => ({
        title: column.name, right: column.unit !== null, of: (row) => row[column.at], show: (row) => shown(row, column, unit, values),
      }))} />
    <//>`;
}

function shown(row, column, unit, values) {
  const value = row[column.at] ?? null;
  if (value === null) return html`<span class="muted">${NONE}</span>`;
  if (values !== null && values[column.name] !== undefined) return values[column.name](row, value);
  if (typeof value === "number") return column.name === "p" ? (value < 0.001 ? "<0.001" : value.toFixed(3)) : inUnit(value, figureUnit(column, unit));
  if (CALL.test(value)) return html`<a class="mono" href=${pageLink(`/requests/${value}`)}>${value.slice(0, 12)}…</a>`;
  if (MOMENT.test(value)) return stamp(new Date(value));
  return value === "" ? html`<span class="muted">not reported</span>` : value;
}

/** Ratios are told as counts; they keep a digit. */
const figureUnit = (column, unit) => (["risk ratio", "low", "up"].includes(column.name) ? "ratio" : column.unit === "count" ? "count" : (unit ?? column.unit));
