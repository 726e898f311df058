import java.sql.*;
import java.util.Properties;

/** Asks over JDBC as an application does, and prints what it is told, a line each. */
public class Ask {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("user", "reader");
        if (arguments.length > 1) {
            settings.setProperty("password", arguments[1]);
        }
        try (Connection connection = DriverManager.getConnection(arguments[0], settings)) {
            DatabaseMetaData about = connection.getMetaData();
            try (ResultSet tables = about.getTables(null, "public", "%", new String[] {"TABLE"})) {
                while (tables.next()) {
                    System.out.println("table " + tables.getString("TABLE_NAME"));
                }
            }
            try (ResultSet columns = about.getColumns(null, "public", "calls", "latency")) {
                while (columns.next()) {
                    System.out.println("column " + columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
                }
            }
            connection.setAutoCommit(false);
            String text = "SELECT timestamp, latency, input_tokens, cost_usd, ok, model FROM"
                + " (SELECT *, status = 'ok' AS ok FROM calls) WHERE input_tokens > ? AND timestamp < ? ORDER BY call_id";
            try (PreparedStatement asked = connection.prepareStatement(text)) {
                asked.setLong(1, 2_000);
                asked.setTimestamp(2, new Timestamp(System.currentTimeMillis()));
                // From the fifth time on the driver asks for binary values.
                for (int again = 0; again < 6; again++) {
                    asked.setFetchSize(again * 7);
                    long rows = 0, tokens = 0;
                    double latency = 0;
                    try (ResultSet answer = asked.executeQuery()) {
                        while (answer.next()) {
                            rows++;
                            tokens += answer.getLong("input_tokens");
                            latency += answer.getDouble("latency");
                            answer.getTimestamp("timestamp").getTime();
                            answer.getBigDecimal("cost_usd");
                            answer.getBoolean("ok");
                        }
                    }
                    System.out.println("rows " + rows + " tokens " + tokens + " latency " + Math.round(latency));
                }
            }
            connection.rollback();
            try (Statement write = connection.createStatement()) {
                write.executeUpdate("DELETE FROM calls");
            } catch (SQLException refused) {
                System.out.println("refused " + refused.getSQLState());
            }
            connection.rollback();
            try (Statement slow = connection.createStatement()) {
                slow.setQueryTimeout(1);
                slow.executeQuery("SELECT sum(a.value * b.value) FROM generate_series(1, 1000000) a(value), generate_series(1, 1000000) b(value)");
            } catch (SQLException cancelled) {
                System.out.println("cancelled " + cancelled.getSQLState());
            }
        }
    }
}
