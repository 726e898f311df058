SELECT current_setting('server_version_num')::int/100 as version
;
SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(1, 2) AS i, (SELECT string_to_array(current_setting('search_path'), ',') AS s) AS p) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') ORDER BY 1
;
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE table_name = 'performance_metrics'
;
SELECT (extract(epoch from "timestamp")/86400)::bigint*86400 AS "time", avg(latency) AS "value" FROM performance_metrics WHERE "timestamp" BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z' GROUP BY 1 ORDER BY 1
;
SELECT "timestamp" AS "time", latency FROM performance_metrics WHERE "timestamp" BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z' LIMIT 50
