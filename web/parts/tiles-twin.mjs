// The numbers behind the sparklines. Refuses to show a step without calls as 0.
import { html } from "../html.mjs";
import { UNKNOWN_WORDS, inUnit, stamp } from "../format.mjs";
import { TILES, column } from "../kpi.mjs";
import { TableTwin } from "./table-twin.mjs";

/** Table twin of all six sparklines. */
export function TilesTwin({ grid, kpis }) {
  const columns = TILES.map((tile) => ({ cells: column(grid, tile.name), unit: kpis.get(tile.name)?.unit }));
  const rows = grid.times.map((at, i) => [stamp(new Date(at * 1000), false), ...columns.map(({ cells, unit }) => text(cells[i], unit))]);
  return html`<${TableTwin} caption="Key figures over time" head=${["Time", ...TILES.map((tile) => tile.label)]} rows=${rows.reverse()} />`;
}

function text(cell, unit) {
  if (cell === undefined || cell.value === null) return UNKNOWN_WORDS[cell?.unknown] ?? UNKNOWN_WORDS.no_data;
  return `${inUnit(cell.value, unit)} (n ${cell.n})`;
}
