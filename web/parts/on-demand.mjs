// A part that reads single requests: at once where they are few, by a press where they are many.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { count } from "../format.mjs";
import { Card } from "./data-table.mjs";

/** As many as the server reads of a window at most; up to here it reads all of them at once. */
const FEW = 20_000;

/** `requests` of the window, undefined while it is not known. A press counts for this window alone. */
export function OnDemand({ title, requests, address, children }) {
  const [pressed, setPressed] = useState(null);
  if (requests === undefined || requests === null) return null;
  if (requests <= FEW || pressed === address) return children;
  return html`
    <${Card} title=${title} hint="read from single requests">
      <p class="alert-actions" data-on-demand><button type="button" onClick=${() => setPressed(address)}>Look into ${count(FEW)} of ${count(requests)} requests</button></p>
    <//>`;
}
