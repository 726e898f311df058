// The one place where a number, a moment or a missing value becomes text. Refuses to guess: a value
// that is null or undefined is never shown as 0.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Shown where there is no value and no reason is known. */
export const NONE = "–";

/** Why a value is unknown, in the words the reports use. */
export const UNKNOWN_WORDS = {
  no_data: "no data",
  too_few: "too few samples",
  not_reported: "not reported",
  not_priced: "not priced",
  switched_off: "switched off",
  not_configured: "not measured",
  window_too_long: "window too long",
};

const missing = (value) => value === null || value === undefined || Number.isNaN(value);

/** Milliseconds: 0.42 ms, 8.1 ms, 1432 ms, 12.3 s. */
export function ms(value) {
  if (missing(value)) return NONE;
  const size = Math.abs(value);
  if (size < 1) return `${trim(value, 2)} ms`;
  if (size < 9.95) return `${oneDigit.format(value)} ms`;
  if (size < 9999.5) return `${Math.round(value)} ms`;
  return `${oneDigit.format(value / 1000)} s`;
}

/** Microseconds, the unit of rows. */
export const us = (value) => (missing(value) ? NONE : ms(value / 1000));

/** Percent, 0–100. Small shares keep their digits: 0.04% is not 0%. */
export function percent(value) {
  if (missing(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0%";
  if (size < 1) return `${trim(value, 2)}%`;
  return size < 99.95 ? `${oneDigit.format(value)}%` : `${whole.format(value)}%`;
}

/** A count, exact up to 99,999, then with three figures: 123k, 1.23M. */
export function count(value) {
  if (missing(value)) return NONE;
  const size = Math.abs(value);
  if (size < 100_000) return whole.format(value);
  for (const [unit, sign] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit * 0.9995) return `${threeFigures(value / unit)}${sign}`;
  }
  return whole.format(value);
}

/** US dollars. Below one cent four figures after the zeros count, so that a cheap call is not $0.00. */
export function usd(value) {
  if (missing(value)) return NONE;
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size < 0.0000005) return `${sign}<$0.000001`;
  if (size < 0.01) return `${sign}$${size.toFixed(6).replace(/0+$/, "").replace(/\.$/, "")}`;
  if (size < 1) return `${sign}$${size.toFixed(4).replace(/0{1,2}$/, "")}`;
  if (size < 100_000) return `${sign}$${size.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `${sign}$${count(size)}`;
}

/** Nano-dollars, the unit of rows. */
export const nanos = (value) => (missing(value) ? NONE : usd(value / 1e9));

/** Requests per minute. */
export function perMinute(value) {
  if (missing(value)) return NONE;
  return `${Math.abs(value) < 99.95 ? trim(value, 1) : whole.format(value)}/min`;
}

/** A value of a KPI in its unit. */
export function inUnit(value, unit) {
  switch (unit) {
    case "ms": return ms(value);
    case "percent": return percent(value);
    case "usd": return usd(value);
    case "per_minute": return perMinute(value);
    case "ratio": return missing(value) ? NONE : trim(value, 2);
    case "rating": return missing(value) ? NONE : `${oneDigit.format(value)}/5`;
    default: return count(value);
  }
}

/** A KPI's value, or the reason there is none: "needs 100 requests, has 14". */
export function kpiText(kpi) {
  if (!missing(kpi.value)) return inUnit(kpi.value, kpi.unit);
  if (kpi.unknown === "too_few") return `needs ${count(kpi.min_samples)}, has ${count(kpi.n)}`;
  return UNKNOWN_WORDS[kpi.unknown] ?? UNKNOWN_WORDS.no_data;
}

/** Sample count behind a number. */
export const samples = (n) => `n\u00a0${count(n)}`;

/** A signed difference: "+4.2", "−1.0". */
export const points = (value) => (missing(value) ? NONE : `${signOf(value)}${oneDigit.format(Math.abs(value))}`);

/** With one decimal, and a sign below 0. */
export const decimal = (value) => (missing(value) ? NONE : `${value < 0 ? "−" : ""}${oneDigit.format(Math.abs(value))}`);

/** The interval of a figure: "(1.1 to 7.3)". */
export const interval = (low, high, show) => `(${show(low)} to ${show(high)})`;

const signOf = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±");

const two = (value) => String(value).padStart(2, "0");

/** Clock time in the reader's zone. */
export function clock(date, seconds = true) {
  const text = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${text}:${two(date.getSeconds())}` : text;
}

/** Date and clock time in the reader's zone. */
export function stamp(date, seconds = true) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clock(date, seconds)}`;
}

/** A moment in unix microseconds as a date. */
export const fromMicros = (micros) => new Date(micros / 1000);

/** How long ago, roughly: "just now", "5 s ago", "3 min ago". */
export function ago(date, now) {
  const seconds = Math.max(0, Math.round((now - date) / 1000));
  if (seconds < 3) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

function threeFigures(value) {
  const size = Math.abs(value);
  const digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return value.toFixed(digits);
}

/** Fixed digits without zeros at the end. */
function trim(value, digits) {
  const text = value.toFixed(digits);
  if (Number(text) === 0 && value !== 0) return `<${(10 ** -digits).toFixed(digits)}`;
  return text.replace(/\.?0+$/, "") || "0";
}
