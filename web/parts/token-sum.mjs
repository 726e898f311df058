// Token buckets of one call and their sums. Refuses to hide a sum that does not add up.
import { html } from "../html.mjs";
import { count } from "../format.mjs";
import { usageFrom } from "../words.mjs";

const INPUT = [
  ["input_text", "Text, not cached"], ["input_audio", "Audio"], ["input_image", "Images"], ["cache_read", "Read from the provider's cache"],
  ["cache_write_5m", "Written to it, 5 min"], ["cache_write_1h", "Written to it, 1 h"],
];
const OUTPUT = [
  ["output_visible", "Visible text"], ["reasoning", "Reasoning"], ["output_audio", "Audio"], ["output_image", "Images"],
  ["rejected_prediction", "Rejected prediction"],
];
/** Buckets that are shown at zero as well; the others only where they were used. */
const ALWAYS = new Set(["input_text", "cache_read", "output_visible", "reasoning"]);

/** The card's table. */
export function TokenSum({ row }) {
  return html`
    <div class="scroll" role="region" aria-label="Tokens" tabindex="0">
      <table class="sums">
        <caption class="visually-hidden">Tokens of this call by bucket</caption>
        <thead><tr><th scope="col">Tokens</th><th scope="col" class="right">Count</th></tr></thead>
        <${Side} row=${row} buckets=${INPUT} title="Input" total=${row.input_tokens} />
        <${Side} row=${row} buckets=${OUTPUT} title="Output" total=${row.output_tokens} />
      </table>
    </div>
    <p class="muted from">${usageFrom(row)}${(row.usage_flags ?? []).length > 0 && `; ${row.usage_flags.join(", ")}`}</p>`;
}

function Side({ row, buckets, title, total }) {
  const shown = buckets.filter(([name]) => ALWAYS.has(name) || row[name] > 0);
  const sum = buckets.reduce((all, [name]) => all + (row[name] ?? 0), 0);
  const unknown = total === null || total === undefined;
  return html`
    <tbody>
      ${shown.map(([name, words]) => html`<tr><th scope="row">${words}</th><td class="right number">${count(row[name])}</td></tr>`)}
      <tr class="sum"><th scope="row">${title} together</th><td class="right number">${count(total)}</td></tr>
      ${!unknown && sum !== total && html`<tr><td colspan="2" class="tone-warning">The buckets add up to ${count(sum)}, not to the total.</td></tr>`}
    </tbody>`;
}
