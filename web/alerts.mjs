// Words and order of alerts for the page. Refuses to translate a word it does not know: that one is
// shown as it came.

/** States of an instance; heavier comes first. */
export const ALERT_STATES = {
  firing: { word: "firing", tone: "critical", icon: "critical", weight: 4 },
  recovering: { word: "recovering", tone: "warning", icon: "wait", weight: 3 },
  pending: { word: "pending", tone: "warning", icon: "wait", weight: 2 },
  inactive: { word: "inactive", tone: "good", icon: "good", weight: 1 },
  unknown: { word: "not evaluated", tone: "muted", icon: "none", weight: 0 },
};

/** How bad; heavier comes first. */
export const SEVERITIES = {
  critical: { word: "critical", tone: "critical", icon: "critical", weight: 3 },
  warning: { word: "warning", tone: "warning", icon: "warning", weight: 2 },
  info: { word: "info", tone: "info", icon: "none", weight: 1 },
};

const WHY = {
  no_data: "no data", thin: "too few samples", own_gap: "flowgauge was away", disabled: "switched off",
  warming_up: "baseline is being learned", not_configured: "not configured",
};

const OPEN = ["firing", "recovering"];

/** Why an evaluation is not known. */
export const whyWords = (why) => WHY[why] ?? why;

/** Labels in one line. */
export const labelText = (labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(" ");

/** Seconds as people read them: 45 s, 5 min 10 s, 3 h 2 min, 2 d 4 h. */
export function lengthText(seconds) {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return pair(minutes, "min", whole % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

const pair = (big, bigUnit, small, smallUnit) => (small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`);

/** Value and what it is compared with: "2612ms, threshold 2500ms". */
export function figureText(figures) {
  if (figures.value_text === null) return "–";
  return figures.threshold_text === null ? figures.value_text : `${figures.value_text}, threshold ${figures.threshold_text}`;
}

/** Instances that fire, recover or wait, the worst first. */
export function activeOf(view) {
  const all = view.rules.flatMap((rule) => rule.instances.map((instance) => ({ rule, instance })));
  const active = all.filter(({ instance }) => ALERT_STATES[instance.state]?.weight >= 2);
  const weight = ({ rule, instance }) => ALERT_STATES[instance.state].weight * 10 + (SEVERITIES[rule.severity]?.weight ?? 0);
  return active.sort((a, b) => weight(b) - weight(a) || a.rule.name.localeCompare(b.rule.name));
}

/** Whether an alert is not told although it fires. */
export const isHidden = (instance) => instance.silenced_by.length > 0 || instance.inhibited_by.length > 0;

/** One sentence about the whole. */
export function verdictOf(view) {
  if (view.rules.length === 0) return { tone: "muted", icon: "none", text: "No rules." };
  if (view.at === null) return { tone: "muted", icon: "wait", text: "No rule has been evaluated yet." };
  const open = activeOf(view).filter(({ instance }) => OPEN.includes(instance.state));
  if (open.length === 0) {
    const waits = view.pending === 0 ? "" : ` ${view.pending} pending.`;
    return { tone: "good", icon: "good", text: `Nothing fires.${waits}` };
  }
  const worst = SEVERITIES[open.map(({ rule }) => rule.severity).sort((a, b) => (SEVERITIES[b]?.weight ?? 0) - (SEVERITIES[a]?.weight ?? 0))[0]];
  const hidden = view.suppressed === 0 ? "" : ` ${view.suppressed} of them not told: silenced or inhibited.`;
  const tone = worst?.tone === "critical" ? "critical" : "warning";
  return { tone, icon: tone, text: `${open.length} ${open.length === 1 ? "alert fires" : "alerts fire"}.${hidden}` };
}

/** Matchers of a silence for one instance: its rule and its labels, nothing else. */
export function matchersOf(rule, instance) {
  const quoted = (value) => `"${value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
  return [["alertname", rule.name], ...Object.entries(instance.labels)].map(([name, value]) => `${name}=${quoted(value)}`);
}
