// How a call ended, as word and icon. Refuses colour alone.
import { html } from "../html.mjs";
import { STATUS, errorWords } from "../words.mjs";
import { Icon } from "./icon.mjs";

/** `row.status` with the class of a failure behind it. */
export function CallStatus({ row, full = false }) {
  const { word, tone, icon } = STATUS[row.status] ?? { word: row.status, tone: "muted", icon: "none" };
  const why = errorWords(row);
  return html`<span class=${`status tone-${tone}`} title=${why ?? ""}><${Icon} name=${icon} />${word}${full && why !== null && `: ${why}`}</span>`;
}
