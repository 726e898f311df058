// The table behind a chart, 25 rows a page. Refuses to be the only place of a figure or to be missing.
import { useId, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { useOnScreen } from "../state/on-screen.mjs";
import { Icon } from "./icon.mjs";

/** Rows of a page: more makes screen readers and phones slow. */
const PAGE_ROWS = 25;

/** A button that opens the twin. `rows` are arrays of text, newest first; `raw` the same as numbers, to be taken away. */
export function TableTwin({ caption, head, rows, raw = null, links = null }) {
  useOnScreen(caption, raw?.head ?? head, raw?.rows ?? rows);
  const [open, setOpen] = useState(false);
  const id = useId();
  return html`
    <div class="twin">
      <div class="twin-bar">
        <button type="button" class="quiet" aria-expanded=${open} aria-controls=${id} onClick=${() => setOpen(!open)}>
          <${Icon} name="table" />${open ? "Hide table" : "Show as table"}
        </button>
        ${links}
      </div>
      <div id=${id}>${open && html`<${PagedTable} caption=${caption} head=${head} rows=${rows} />`}</div>
    </div>`;
}

function PagedTable({ caption, head, rows }) {
  const [wanted, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const page = Math.min(wanted, pages - 1);
  const shown = rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  return html`
    <div class="scroll" role="region" aria-label=${caption} tabindex="0">
      <table class="twin-table">
        <caption class="visually-hidden">${caption}</caption>
        <thead><tr>${head.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead>
        <tbody>
          ${shown.map((row) => html`<tr>${row.map((text, i) => (i === 0 ? html`<th scope="row">${text}</th>` : html`<td class="number">${text}</td>`))}</tr>`)}
        </tbody>
      </table>
    </div>
    ${pages > 1 && html`
      <nav class="pager" aria-label=${`Pages of: ${caption}`}>
        <button type="button" class="quiet" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Previous</button>
        <span class="number" role="status">page ${page + 1} of ${pages}</span>
        <button type="button" class="quiet" disabled=${page === pages - 1} onClick=${() => setPage(page + 1)}>Next</button>
      </nav>`}`;
}
