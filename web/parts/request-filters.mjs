// Filters of the request list: how a call ended, and the dimensions asked for most. Refuses to keep
// them anywhere but in the address.
import { html } from "../html.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { STATUS } from "../words.mjs";
import { DIMENSIONS, Dimension } from "./filter-bar.mjs";

const SHOWN = ["model", "endpoint", "intent"];

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
      ${SHOWN.map((name) => html`<${Dimension} key=${name} dim=${DIMENSIONS.find((dim) => dim.name === name)} />`)}
    </form>`;
}
