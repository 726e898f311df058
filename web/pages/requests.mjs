import { html } from "../html.mjs";
export const Requests = () => html`<h1>Requests</h1>`;
