// Messages in the flow of a page: a failure, an empty state. Refuses to hide what was there before.
import { html } from "../html.mjs";
import { pageLink } from "../state/address.mjs";
import { Icon } from "./icon.mjs";

/** An answer that failed. */
export const Failure = ({ error }) =>
  error && html`<p class="note note-critical" role="alert"><${Icon} name="critical" /><span>${error}</span></p>`;

/** Nothing to show yet, with the way out. */
export const Empty = ({ title, children }) => html`
  <section class="empty">
    <h2>${title}</h2>
    <p>${children} <a href=${pageLink("/setup")}>Set up an application</a></p>
  </section>`;
