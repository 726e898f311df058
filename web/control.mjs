// Words of control for the page. Refuses to translate a word it does not know: that one is shown as it came.

const NAMES = {
  context_pruning: "Context pruning", response_caching: "Response caching",
  prompt_optimization: "Prompt optimisation", model_selection: "Model selection",
};

/** A mechanism as people say it. */
export const nameOf = (mechanism) => NAMES[mechanism] ?? mechanism;

/** What a mechanism is set to. */
export const modeText = ({ mode, share }) => (share === null || share === undefined ? mode : `${mode} ${+(100 * share).toFixed(3)} %`);

/** Who decides. */
export function sourceText({ source, variable }) {
  if (variable !== null && variable !== undefined) return `environment (${variable})`;
  return { kill: "kill switch", unreadable: "log cannot be read" }[source] ?? source;
}

/** One sentence about the whole. */
export function standingOf(view) {
  if (!view.readable) return { tone: "critical", icon: "critical", text: `Everything is off: ${view.unreadable}` };
  if (view.kill_all) return { tone: "warning", icon: "warning", text: "Rolled back: all four are off until somebody lifts the switch." };
  if (view.kill_only.length > 0) return { tone: "warning", icon: "warning", text: `Rolled back: ${view.kill_only.map(nameOf).join(", ")}.` };
  const on = view.mechanisms.filter((one) => one.effective).map((one) => nameOf(one.mechanism));
  if (on.length === 0) return { tone: "muted", icon: "none", text: "All four are off. Nothing is touched." };
  return { tone: "good", icon: "good", text: `At work: ${on.join(", ")}.` };
}

/** What a mechanism brought or cost by comparison with those held out. */
export function effectText(evidence, what) {
  if (evidence === null) return "–";
  if (what === "tokens") {
    const saved = evidence.saved?.tokens ?? null;
    return saved === null ? "n/a" : `${signed(-100 * saved.estimate)} %`;
  }
  const effect = evidence.findings?.find((one) => one.metric === what)?.effect ?? null;
  return effect === null ? "n/a" : `${signed(effect.estimate)} points`;
}

const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : "±"}${Math.abs(value).toFixed(1)}`;
