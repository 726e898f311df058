// What `pg` and `postgres` get from the port: rows, values bound by place, a cursor, and a refusal.
import pg from "pg";
import Cursor from "pg-cursor";
import postgres from "postgres";

const port = Number(process.argv[2]);
const where = { host: "127.0.0.1", port, user: "reader", database: "flowgauge" };
const byStatus = "SELECT status, count(*)::int AS n, sum(input_tokens)::bigint AS tokens FROM calls GROUP BY status ORDER BY status";
const over = "SELECT count(*)::int AS n FROM calls WHERE latency > $1 AND status = $2";
const out = {};

const client = new pg.Client(where);
await client.connect();
out.pg = {
  rows: (await client.query(byStatus)).rows,
  bound: (await client.query({ name: "over", text: over, values: [2500, "ok"] })).rows[0].n,
  again: (await client.query({ name: "over", text: over, values: [2500, "ok"] })).rows[0].n,
};
const cursor = client.query(new Cursor("SELECT call_id FROM calls ORDER BY call_id"));
out.pg.parts = [];
for (let rows = await cursor.read(250); rows.length > 0; rows = await cursor.read(250)) out.pg.parts.push(rows.length);
await cursor.close();
out.pg.refused = await client.query("SELECT nothing FROM calls").then(() => null, (e) => ({ code: e.code, position: e.position }));
out.pg.after = (await client.query("SELECT 1 AS one")).rows[0].one;
await client.end();

const sql = postgres({ ...where, max: 2 });
const [limit, word] = [2500, "ok"];
out.postgres = {
  rows: await sql.unsafe(byStatus),
  bound: (await sql`SELECT count(*)::int AS n FROM calls WHERE latency > ${limit} AND status = ${word}`)[0].n,
  parts: [],
  refused: await sql`SELECT nothing FROM calls`.then(() => null, (e) => ({ code: e.code, position: e.position })),
};
await sql`SELECT call_id FROM calls ORDER BY call_id`.cursor(250, (rows) => {
  out.postgres.parts.push(rows.length);
});
out.postgres.first = (await sql`SELECT min(event_time) AS first FROM calls`)[0].first.toISOString();
await sql.end();
console.log(JSON.stringify(out));
