// How complete the figures are. Refuses to leave a loss unsaid.
import { html } from "../html.mjs";
import { count, fromMicros, percent, stamp } from "../format.mjs";
import { Icon } from "./icon.mjs";

/** One line below the figures. */
export function Coverage({ snapshot, kpis }) {
  if (snapshot === null) return null;
  const lost = snapshot.gaps.reduce((sum, gap) => sum + gap.lost, 0);
  const estimated = kpis.get("estimated_usage");
  const unpriced = kpis.get("unpriced_calls");
  const parts = [
    lost === 0 ? "no call lost" : `${count(lost)} calls lost in ${snapshot.gaps.length === 1 ? "one stretch" : `${snapshot.gaps.length} stretches`}`,
    `${count(kpis.get("request_count")?.value)} requests recorded`,
  ];
  if (estimated?.value > 0) parts.push(`${percent(estimated.value)} of token counts are estimates`);
  if (unpriced?.value > 0) parts.push(`${count(unpriced.value)} calls have no price, their cost is not in the sum`);
  return html`
    <p class=${`coverage ${lost > 0 ? "tone-warning" : "muted"}`}>
      <${Icon} name=${lost > 0 ? "warning" : "good"} />
      <span>Data coverage ${stamp(fromMicros(snapshot.window.from), false)} – ${stamp(fromMicros(snapshot.window.to), false)}: ${parts.join(", ")}.</span>
    </p>`;
}
