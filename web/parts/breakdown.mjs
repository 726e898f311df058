// The window by the values of a dimension. Refuses to sum: every row is the server's own figure.
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, inUnit } from "../format.mjs";
import { useAnswer } from "../state/answers.mjs";
import { withParams } from "../state/address.mjs";
import { refresh, windowQuery } from "../state/window.mjs";
import { Card, DataTable } from "./data-table.mjs";
import { narrowed } from "./filter-bar.mjs";
import { Failure } from "./note.mjs";

/** A card; `columns`: `[{name, label, unit}]` of the catalogue, the first of which orders the rows. */
export function Breakdown({ dim, title, columns, hint = "n beside each figure; choose one to filter by it" }) {
  const { data, error } = useAnswer(`/api/v1/series?${windowQuery({ kpi: columns.map((one) => one.name).join(","), by: dim })}`, refresh());
  const rows = [...(data?.rows ?? [])].sort((a, b) => (b.values[0].value.value ?? 0) - (a.values[0].value.value ?? 0));
  return html`
    <${Card} title=${title} hint=${hint}>
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label=${title} rows=${rows} keyOf=${(row) => row.key[0]} columns=${[
        { title: title.replace(/^By /, "").replace(/^./, (letter) => letter.toUpperCase()), of: (row) => row.key[0], show: (row) => html`<${Value} dim=${dim} value=${row.key[0]} />` },
        ...columns.map((one, i) => ({ title: one.label, right: true, of: (row) => row.values[i].value.value ?? null, show: (row) => html`<${Measured} measured=${row.values[i]} unit=${one.unit} />` })),
      ]} />`}
    <//>`;
}

const Value = ({ dim, value }) => (value === "" ? html`<span class="muted">not reported</span>` : html`<a class="cut" title=${value} href=${withParams({ where: narrowed(dim, value), cursor: null })}>${value}</a>`);

function Measured({ measured, unit }) {
  const value = measured.value.value ?? null;
  if (value === null) return html`<span class="muted">${UNKNOWN_WORDS[measured.value.unknown] ?? UNKNOWN_WORDS.no_data} <small>n ${measured.n}</small></span>`;
  return html`${inUnit(value, unit)}${unit !== "count" && html` <small class="muted">n ${measured.n}</small>`}`;
}
