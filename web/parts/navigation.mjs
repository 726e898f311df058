// The pages by what they are for: a column on wide screens, behind a button on narrow ones.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { pageLink, path } from "../state/address.mjs";
import { PAGES } from "../state/pages.mjs";

const GROUPS = [...new Set(PAGES.map((page) => page.group))];

/** The column. */
export function Navigation({ current }) {
  const [open, setOpen] = useState(false);
  const at = path.value;
  useEffect(() => setOpen(false), [at]);
  return html`
    <div class="side" data-open=${open}>
      <header class="side-head">
        <a class="brand" href=${pageLink("/overview")}><${Mark} />flowgauge</a>
        <button type="button" class="menu" aria-expanded=${open} aria-controls="pages" onClick=${() => setOpen(!open)}>Menu<span class="muted"> · ${current.title}</span></button>
      </header>
      <nav id="pages" aria-label="Pages">
        ${GROUPS.map((group) => html`
          <div role="group" aria-label=${group} key=${group}>
            <span class="side-group" aria-hidden="true">${group}</span>
            ${PAGES.filter((page) => page.group === group).map((page) => html`
              <a key=${page.path} href=${pageLink(page.path)} aria-current=${page === current ? "page" : null}>${page.title}</a>`)}
          </div>`)}
      </nav>
    </div>`;
}

const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path d="M4 23a12 12 0 0 1 24 0" /><path d="M16 23l6-9" />
  </svg>`;
