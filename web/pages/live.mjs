import { html } from "../html.mjs";
export const Live = () => html`<h1>Live</h1>`;
