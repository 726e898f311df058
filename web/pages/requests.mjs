// Requests: the calls of the window, newest first, by pages. Refuses to load more than a page.
import { html } from "../html.mjs";
import { params, withParams } from "../state/address.mjs";
import { REFRESH_MS, rowsOf, useAnswer } from "../state/answers.mjs";
import { isLive, windowQuery } from "../state/window.mjs";
import { Empty, Failure } from "../parts/note.mjs";
import { RequestFilters } from "../parts/request-filters.mjs";
import { RequestTable } from "../parts/request-table.mjs";

/** Rows of a page: a screen or two. */
const PAGE_ROWS = 50;

/** The page. */
export function Requests() {
  const cursor = params.value.get("cursor");
  const extra = { limit: String(PAGE_ROWS) };
  if (cursor !== null) extra.cursor = cursor;
  if (params.value.get("status") !== null) extra.status = params.value.get("status");
  const every = isLive() && cursor === null ? REFRESH_MS : null;
  const { data, error } = useAnswer(`/api/v1/requests?${windowQuery(extra)}`, every);
  return html`
    <div class="page-head"><h1>Requests</h1><span class="muted">newest first; – means not reported</span></div>
    <${RequestFilters} />
    <${Failure} error=${error} />
    ${data !== null && (rowsOf(data).length === 0 ? html`<${None} />` : html`
      <section class="card">
        <${RequestTable} label="Requests" rows=${rowsOf(data)} />
        <nav class="pager" aria-label="Pages of requests">
          ${cursor !== null && html`<a class="button" href=${withParams({ cursor: null })}>Newest</a>`}
          ${data.next_cursor !== null && html`<a class="button" href=${withParams({ cursor: data.next_cursor })}>Older</a>`}
          <span>${rowsOf(data).length} shown</span>
        </nav>
      </section>`)}`;
}

function None() {
  const filtered = params.value.get("status") !== null || params.value.getAll("where").length > 0;
  if (filtered) {
    return html`<section class="empty"><h2>No request matches</h2><p>Nothing in this window matches the filters. <a href=${withParams({ status: null, where: null, cursor: null })}>Remove all filters</a></p></section>`;
  }
  return html`<${Empty} title="No requests in this window">Choose a longer window, or point an application at flowgauge.<//>`;
}
