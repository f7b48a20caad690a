package io.pg2es.connect.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.TestConfig;
import java.sql.SQLException;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresErrorsTest {
    private final PostgresErrors errors = new PostgresErrors("orders");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "08001", "08006", "57P01", "57P03", "57014", "40001", "40P01", "53300", "25006", "25P03", "58030",
                "55P03"
            })
    void whatPassesIsTriedAgain(String state) {
        assertThat(errors.translate("sql.documents", new SQLException("down", state)))
                .hasMessageContaining("Pipeline orders: sql.documents failed in PostgreSQL: down (SQLSTATE " + state);
    }

    @ParameterizedTest
    @CsvSource({
        "42703, Mend the pipeline's SQL",
        "22P02, Mend the pipeline's SQL",
        "21000, Mend the pipeline's SQL",
        "42501, Grant the right",
        "28P01, postgres.password",
        "3D000, postgres.url",
        "26000, without a pooler"
    })
    void whatSomebodyMustMendFailsTheTaskAndSaysHow(String state, String remedy) {
        assertThatThrownBy(() -> errors.translate("route.items.sql", new SQLException("wrong", state)))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("Pipeline orders: route.items.sql failed in PostgreSQL: wrong")
                .hasMessageContaining(remedy);
    }

    @Test
    void anErrorWithoutAStateIsOfTheConnection() {
        assertThat(PostgresErrors.isPermanent(null)).isFalse();
    }

    @Test
    void statementsArePreparedWithPostgresOwnParameters() {
        PreparedSql sql = new PreparedSql("sql.visible", "pg2es_visible", List.of("bigint[]"), "SELECT $1 ? 'x'");
        assertThat(sql.prepare()).isEqualTo("PREPARE pg2es_visible (bigint[]) AS\nSELECT $1 ? 'x'");
        assertThat(sql.execute("'{1,2}'")).isEqualTo("EXECUTE pg2es_visible ('{1,2}')");
        SinkConfig config = TestConfig.config("key.columns", "a,b", "route.root.columns", "id,x");
        assertThat(PreparedSql.documents(config).types())
                .containsExactly("text[]", "text[]", "bigint", "bigint", "bigint");
        Route route = config.routes().get(1);
        assertThat(PreparedSql.lookup(route, 0).types()).containsExactly("text[]", "text[]", "bigint");
        assertThat(PreparedSql.wholeLookup(route, 0).types()).containsExactly("text[]", "text[]");
        assertThat(PreparedSql.roots(config).execute()).isEqualTo("EXECUTE pg2es_roots");
    }
}
