// The filters in force, each removable. Refuses to add one: pages do that in their own way.
import { html } from "../html.mjs";
import { withParams } from "../state/address.mjs";
import { filters } from "../state/window.mjs";

/** One chip per `dim=value`. */
export function FilterChips() {
  const all = filters();
  if (all.length === 0) return null;
  return html`
    <ul class="chips" aria-label="Filters">
      ${all.map((filter) => html`
        <li>
          <span>${filter.replace("=", ": ")}</span>
          <a href=${withParams({ where: all.filter((other) => other !== filter), cursor: null })} aria-label=${`Remove filter ${filter}`}>×</a>
        </li>`)}
    </ul>`;
}
