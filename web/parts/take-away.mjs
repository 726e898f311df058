// The data on screen as CSV or JSON. Refuses to ask anything anew: what is taken is what is seen.
import { html } from "../html.mjs";
import { csvOf, fileName, hand, jsonOf } from "../state/files.mjs";
import { onScreen } from "../state/on-screen.mjs";
import { Popover } from "./popover.mjs";

/** The button and its list. */
export const TakeAway = () => html`
  <${Popover} label="Export" quiet=${true}>${() => html`<${List} all=${onScreen()} />`}<//>`;

function List({ all }) {
  if (all.length === 0) return html`<p class="muted">Nothing on this page is a table yet.</p>`;
  return html`
    <ul class="take-away">
      ${all.map((one, i) => html`
        <li key=${i}><span>${one.title} <span class="muted number">${one.rows.length} rows</span></span>
          <button type="button" onClick=${() => hand(fileName(one.title, "csv"), "text/csv", csvOf(one))}>CSV<span class="visually-hidden"> of ${one.title}</span></button>
          <button type="button" onClick=${() => hand(fileName(one.title, "json"), "application/json", jsonOf(one))}>JSON<span class="visually-hidden"> of ${one.title}</span></button>
        </li>`)}
    </ul>`;
}
