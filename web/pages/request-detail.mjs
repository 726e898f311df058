import { html } from "../html.mjs";
export const RequestDetail = () => html`<h1>RequestDetail</h1>`;
