import { html } from "../html.mjs";
export const Setup = () => html`<h1>Setup</h1>`;
