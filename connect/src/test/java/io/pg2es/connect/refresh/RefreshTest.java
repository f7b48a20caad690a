package io.pg2es.connect.refresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.Events;
import io.pg2es.connect.records.RootCollector;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class RefreshTest {
    @Test
    void whatTheTimeDoesNotSufficeForStaysPending() throws TransientFailure {
        SinkConfig config = TestConfig.config();
        SinkMetrics metrics = TestConfig.metrics();
        Batch batch = new RootCollector("orders", config.routes(), metrics)
                .collect(List.of(Events.record("shop.public.orders", 0, "{\"op\":\"c\",\"after\":{\"id\":1}}")));
        batch.findRoots(null, 1);
        Refresh refresh = new Refresh(config, null, null, metrics);
        assertThatThrownBy(() -> refresh.run(batch, TimeLimit.in(Duration.ZERO)))
                .isInstanceOf(TimeIsUp.class)
                .hasMessage("Pipeline orders: 1 roots of the batch are left for the next round.");
        assertThat(batch.pending()).containsExactly(new RootKey(List.of("1")));
    }
}
