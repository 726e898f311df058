// A table of rows: sorted by a press on a heading, 25 rows a page, to be taken away. Refuses markup in
// cells: what a column gives is text or a part of the page.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { useOnScreen } from "../state/on-screen.mjs";
import { Icon } from "./icon.mjs";

/** More makes screen readers and phones slow. */
const PAGE_ROWS = 25;
/** A moment is never broken over lines. */
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d/;

/**
 * `columns`: `[{title, of(row), show(row), right, definition}]`. `of` gives the bare value, for order and export; `show` what is
 * seen where it is not the value itself.
 */
export function DataTable({ label, columns, rows, empty = "Nothing in this window.", keyOf = null, pageRows = PAGE_ROWS, stacked = false }) {
  const [order, setOrder] = useState(null);
  const [wanted, setPage] = useState(0);
  useOnScreen(label, columns.map((one) => one.title), rows.map((row) => columns.map((one) => one.of(row) ?? null)));
  if (rows.length === 0) return html`<p class="muted">${empty}</p>`;
  const sorted = order === null ? rows : [...rows].sort(by(columns[order.at], order.down));
  const pages = Math.ceil(sorted.length / pageRows);
  const page = Math.min(wanted, pages - 1);
  const press = (i) => setOrder(order?.at === i && order.down ? { at: i, down: false } : { at: i, down: true });
  return html`
    <div class="scroll" role="region" aria-label=${label} tabindex="0">
      <table class=${stacked ? "stacked" : null}>
        <caption class="visually-hidden">${label}</caption>
        <thead><tr>${columns.map((one, i) => html`
          <th scope="col" key=${one.title} class=${one.right ? "right" : null} aria-sort=${order?.at !== i ? null : order.down ? "descending" : "ascending"}>
            ${one.title === "" ? html`<span class="visually-hidden">${one.name}</span>` : html`<button type="button" class="sort" title=${one.definition ?? null} onClick=${() => press(i)}>${one.title}${order?.at === i && html`<span aria-hidden="true">${order.down ? " ↓" : " ↑"}</span>`}</button>`}
          </th>`)}</tr></thead>
        <tbody>${sorted.slice(page * pageRows, (page + 1) * pageRows).map((row, i) => html`<tr key=${keyOf === null ? i : keyOf(row)}>${columns.map((one, at) => cell(one, row, at === 0))}</tr>`)}</tbody>
      </table>
    </div>
    ${pages > 1 && html`
      <nav class="pager" aria-label=${`Pages of: ${label}`}>
        <button type="button" class="quiet" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Previous</button>
        <span class="number" role="status">page ${page + 1} of ${pages}</span>
        <button type="button" class="quiet" disabled=${page === pages - 1} onClick=${() => setPage(page + 1)}>Next</button>
      </nav>`}`;
}

function cell(column, row, first) {
  const shown = column.show === undefined ? (column.of(row) ?? html`<span class="muted">–</span>`) : column.show(row);
  const still = typeof shown === "string" && STAMP.test(shown) ? " nowrap" : "";
  const look = `${column.right ? "right number" : "break-some"}${column.mono ? " mono" : ""}${still}`;
  return first ? html`<th scope="row" class=${look}>${shown}</th>` : html`<td class=${look} data-title=${column.title}>${shown}</td>`;
}

/** Unknown values come last either way. */
function by(column, down) {
  return (a, b) => {
    const [x, y] = [column.of(a) ?? null, column.of(b) ?? null];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return down ? -order : order;
  };
}

/** A card around a part. */
export const Card = ({ title, hint = null, tools = null, children }) => html`
  <section class="card">
    <div class="card-head"><h2>${title}</h2>${hint !== null && html`<span class="muted">${hint}</span>`}${tools !== null && html`<span class="page-tools">${tools}</span>`}</div>
    ${children}
  </section>`;
