// Moments as Grafana's address bar writes them: now-6h, now/d, RFC 3339, unix milliseconds. Refuses
// to guess: what it cannot read is null.

const LENGTHS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const PART = /[+-]\d+[smhdwMy]|\/[smhdwMy]/g;

/** Unix milliseconds of a text, or null. `end` snaps to the end of a unit: `now/d` is then midnight to come. */
export function moment(text, now, end = false) {
  if (/^\d{9,}$/.test(text)) return Number(text);
  if (!text.startsWith("now")) {
    const at = Date.parse(text);
    return Number.isNaN(at) ? null : at;
  }
  const rest = text.slice(3);
  const parts = rest.match(PART) ?? [];
  if (parts.join("") !== rest) return null;
  const at = new Date(now);
  for (const part of parts) {
    if (part[0] === "/") snap(at, part[1], end);
    else shift(at, Number.parseInt(part, 10), part.at(-1));
  }
  return at.getTime();
}

/** `now-6h` to `now` as the API's `since`, or null where it is another range. */
export function sinceOf(from, to) {
  if (to !== null && to !== "now") return null;
  const found = /^now-(\d+)([mhdw])$/.exec(from ?? "");
  if (found === null) return null;
  return found[2] === "w" ? `${Number(found[1]) * 7}d` : `${found[1]}${found[2]}`;
}

/** Minutes of a `since`. */
export function minutesOf(since) {
  const found = /^(\d+)([mhd])$/.exec(since);
  return found === null ? null : (Number(found[1]) * LENGTHS[found[2]]) / 60_000;
}

function shift(at, by, unit) {
  if (unit === "M") at.setMonth(at.getMonth() + by);
  else if (unit === "y") at.setFullYear(at.getFullYear() + by);
  // Days are calendar days of the reader: a change of the clocks does not move the hour.
  else if (unit === "d" || unit === "w") at.setDate(at.getDate() + by * (unit === "w" ? 7 : 1));
  else at.setTime(at.getTime() + by * LENGTHS[unit]);
}

function snap(at, unit, end) {
  const [y, m, d, h, min, s] = [at.getFullYear(), at.getMonth(), at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
  const more = end ? 1 : 0;
  // Weeks begin on Monday, as ISO 8601 has them.
  const monday = d - ((at.getDay() + 6) % 7);
  const to = {
    y: [y + more], M: [y, m + more], w: [y, m, monday + 7 * more], d: [y, m, d + more], h: [y, m, d, h + more], m: [y, m, d, h, min + more], s: [y, m, d, h, min, s + more],
  }[unit];
  at.setTime(new Date(to[0], to[1] ?? 0, to[2] ?? 1, to[3] ?? 0, to[4] ?? 0, to[5] ?? 0).getTime());
}
