// Small pictures drawn as SVG. Refuses to carry meaning alone: a word stands beside each.
import { html } from "../html.mjs";

const PATHS = {
  good: "M3 8.5l3.2 3.2L13 4.8",
  warning: "M8 2.5L14.5 13.5H1.5Z M8 6.5v3.2 M8 11.6v.3",
  critical: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2L1.5 10.8V5.2Z M5.7 5.7l4.6 4.6 M10.3 5.7l-4.6 4.6",
  off: "M8 2v8 M4.5 7L8 10.5 11.5 7 M3 13.5h10",
  none: "M4 8h8",
  wait: "M8 2a6 6 0 1 0 6 6 M8 4.5V8l2.2 1.6",
  pause: "M5.5 3.5v9 M10.5 3.5v9",
  play: "M5 3l8 5-8 5Z",
  copy: "M5.5 5.5h8v8h-8Z M10.5 5.5v-3h-8v8h3",
  table: "M2 3h12v10H2Z M2 6.5h12 M2 9.8h12 M6.5 3v10",
  back: "M9.5 3L4.5 8l5 5",
  note: "M3 2.5h10v11H3Z M5.5 5.5h5 M5.5 8h5 M5.5 10.5h3",
};

/** An icon of one line weight, in the colour of its text. */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? PATHS.none} />
  </svg>`;
