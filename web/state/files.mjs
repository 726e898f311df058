// Rows as the text of a file, and a file handed to the browser. Refuses formulas: a text that a
// spreadsheet would run stays a text.

/** RFC 4180, with a heading. A text that a spreadsheet would run as a formula is told apart by an apostrophe. */
export const csvOf = ({ head, rows }) => `${[head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;

function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** An object a row, keyed by the heading. */
export const jsonOf = ({ title, head, rows }) => JSON.stringify({ title, address: location.href, rows: rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? null]))) }, null, 2);

/** Hands a text to the browser as a file. */
export function hand(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}

/** A file name of a title. */
export const fileName = (title, suffix) => `flowgauge-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60)}.${suffix}`;
