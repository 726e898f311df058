// Filters of the request list. Refuses to keep them anywhere but in the address.
import { html } from "../html.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { filters, windowQuery } from "../state/window.mjs";
import { useAnswer } from "../state/answers.mjs";
import { STATUS } from "../words.mjs";

const DIMENSIONS = [
  { name: "model", title: "Model" },
  { name: "endpoint", title: "Endpoint" },
  { name: "intent", title: "Intent" },
];

/** The value a `where` filter gives a dimension. */
const chosenValue = (dim) => filters().find((filter) => filter.startsWith(`${dim}=`))?.slice(dim.length + 1) ?? "";

function choose(dim, value) {
  const others = filters().filter((filter) => !filter.startsWith(`${dim}=`));
  go(withParams({ where: value === "" ? others : [...others, `${dim}=${value}`], cursor: null }));
}

/** The bar. */
export function RequestFilters() {
  return html`
    <form class="filters card" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
      <label>Status
        <select value=${params.value.get("status") ?? ""} onChange=${(event) => go(withParams({ status: event.target.value, cursor: null }))}>
          <option value="">all</option>
          ${Object.keys(STATUS).map((word) => html`<option value=${word}>${STATUS[word].word}</option>`)}
        </select>
      </label>
      ${DIMENSIONS.map((dim) => html`<${Dimension} key=${dim.name} dim=${dim} />`)}
    </form>`;
}

function Dimension({ dim }) {
  const window = new URLSearchParams(windowQuery({ kpi: "request_count", by: dim.name }));
  window.delete("where");
  const { data } = useAnswer(`/api/v1/series?${window}`);
  const now = chosenValue(dim.name);
  const values = new Set((data?.rows ?? []).map((row) => row.key[0]).filter((value) => value !== ""));
  if (now !== "") values.add(now);
  return html`
    <label>${dim.title}
      <select value=${now} onChange=${(event) => choose(dim.name, event.target.value)}>
        <option value="">all</option>
        ${[...values].sort().map((value) => html`<option value=${value}>${value}</option>`)}
      </select>
    </label>`;
}
