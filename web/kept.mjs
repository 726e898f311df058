// Statements that are kept under a name: how many, how long, which one a name stands for. Refuses to drop one to make
// room for another: whoever saved it wants it.

/** Statements that can be looked through at a glance. */
export const MOST_KEPT = 30;
/** A name fits its line. */
export const LONGEST_NAME = 80;
/** A longer statement belongs into a file. */
export const LONGEST_SQL = 20_000;
/** All of them, well below what a browser keeps for a site. */
export const MOST_CHARACTERS = 200_000;

/** What a text from the browser's storage holds; what is none of ours is left out. */
export function keptOf(text) {
  try {
    const all = JSON.parse(text ?? "[]");
    const fits = (one) => typeof one?.sql === "string" && typeof one?.title === "string" && one.sql.length <= LONGEST_SQL;
    return Array.isArray(all) ? all.filter(fits).slice(0, MOST_KEPT).map(({ title, sql }) => ({ title: title.slice(0, LONGEST_NAME), sql })) : [];
  } catch {
    return [];
  }
}

/** All with one more, or why not: `{all, problem}`. A name that is taken stands for the new statement. */
export function keep(all, name, sql) {
  if (sql.trim() === "") return { all, problem: "There is no statement to save." };
  if (sql.length > LONGEST_SQL) return { all, problem: `A statement of more than ${LONGEST_SQL} characters is not kept here: a file holds it.` };
  const title = (name.trim() === "" ? sql.replace(/\s+/g, " ").trim() : name.trim()).slice(0, LONGEST_NAME);
  const next = [{ title, sql }, ...all.filter((one) => one.title !== title)];
  if (next.length > MOST_KEPT) return { all, problem: `${MOST_KEPT} statements are saved: forget one first.` };
  if (next.reduce((sum, one) => sum + one.title.length + one.sql.length, 0) > MOST_CHARACTERS) return { all, problem: "The saved statements are too long together: forget one first." };
  return { all: next, problem: null };
}

/** All without the one of a name. */
export const forget = (all, title) => all.filter((one) => one.title !== title);

/** The statement whose plan is asked for; one that asks for its plan itself stays as it is. */
export const planOf = (sql) => (/^\s*explain\b/i.test(sql) ? sql : `EXPLAIN ${sql}`);
