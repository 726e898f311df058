// Filters by every dimension: those in force, each removable, and a panel to choose more. Refuses to
// keep them anywhere but in the address.
import { html } from "../html.mjs";
import { go, withParams } from "../state/address.mjs";
import { useAnswer } from "../state/answers.mjs";
import { filters, windowQuery } from "../state/window.mjs";
import { FilterChips } from "./filter-chips.mjs";
import { Popover } from "./popover.mjs";

/** Dimensions the figures are kept by. */
export const DIMENSIONS = [
  { name: "endpoint", title: "Route" }, { name: "model", title: "Model" }, { name: "provider", title: "Provider" }, { name: "intent", title: "Intent" },
  { name: "service", title: "App" }, { name: "tenant", title: "Tenant" }, { name: "environment", title: "Environment" }, { name: "version", title: "Version" },
  { name: "cache", title: "Cache" }, { name: "arm", title: "Arm" }, { name: "source", title: "Traffic" },
];

/** Chips and panel. */
export function FilterBar() {
  return html`
    <div class="filter-bar">
      <${Popover} label="Filter" current=${filters().length > 0}>
        ${() => html`<form class="filter-grid" aria-label="Filter by" onSubmit=${(event) => event.preventDefault()}>${DIMENSIONS.map((dim) => html`<${Dimension} key=${dim.name} dim=${dim} />`)}</form>`}
      <//>
      <${FilterChips} />
    </div>`;
}

/** One choice; the values are those that calls of the window have. */
export function Dimension({ dim }) {
  const window = new URLSearchParams(windowQuery({ kpi: "request_count", by: dim.name }));
  window.delete("where");
  const { data } = useAnswer(`/api/v1/series?${window}`);
  const now = filters().find((filter) => filter.startsWith(`${dim.name}=`))?.slice(dim.name.length + 1) ?? "";
  const values = new Set((data?.rows ?? []).map((row) => row.key[0]).filter((value) => value !== ""));
  if (now !== "") values.add(now);
  return html`
    <label>${dim.title}
      <select aria-label=${dim.title} value=${now} onChange=${(event) => choose(dim.name, event.target.value)}>
        <option value="">${values.size === 0 ? "not reported" : "all"}</option>
        ${[...values].sort().map((value) => html`<option key=${value} value=${value}>${value}</option>`)}
      </select>
    </label>`;
}

function choose(dim, value) {
  go(withParams({ where: narrowed(dim, value), cursor: null }));
}

/** The filters in force with one dimension set anew; an empty value frees it. */
export function narrowed(dim, value) {
  const others = filters().filter((filter) => !filter.startsWith(`${dim}=`));
  return value === "" ? others : [...others, `${dim}=${value}`];
}
