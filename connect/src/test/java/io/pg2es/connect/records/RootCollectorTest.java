package io.pg2es.connect.records;

import static org.assertj.core.api.Assertions.assertThat;

import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class RootCollectorTest {
    private static final String ORDERS = "shop.public.orders";
    private static final String ITEMS = "shop.public.items";

    private final SinkMetrics metrics = TestConfig.metrics();
    private final RootCollector collector =
            new RootCollector("orders", TestConfig.config().routes(), metrics);

    @Test
    void oldAndNewKeysBothCountAndEachOnce() {
        SinkRecord moved = Events.record(ORDERS, 0, "{\"op\":\"u\",\"before\":{\"id\":1},\"after\":{\"id\":2}}");
        SinkRecord again = Events.record(ORDERS, 1, "{\"op\":\"u\",\"before\":{\"id\":2},\"after\":{\"id\":2}}");
        SinkRecord gone = Events.record(ORDERS, 2, "{\"op\":\"d\",\"before\":{\"id\":3},\"after\":null}");

        Batch batch = collector.collect(List.of(moved, again, gone));

        assertThat(batch.direct().keySet()).containsExactly(root("1"), root("2"), root("3"));
        assertThat(batch.direct().get(root("2"))).containsExactly(moved, again);
        assertThat(metrics.get(Metric.RECORDS)).isEqualTo(3);
    }

    @Test
    void tuplesOfLookupsKeepTheirRecordsAndNulls() {
        SinkRecord first = item(0, "1, \"order_id\": 10");
        SinkRecord second = item(1, "1, \"order_id\": 10");
        SinkRecord orphan = item(2, "2, \"order_id\": null");

        Batch batch = collector.collect(List.of(first, second, orphan));

        assertThat(batch.lookups()).hasSize(1);
        assertThat(batch.lookups().values().iterator().next())
                .containsOnlyKeys(List.of("1", "10"), Arrays.asList("2", null))
                .containsEntry(List.of("1", "10"), List.of(first, second))
                .containsEntry(Arrays.asList("2", null), List.of(orphan));
    }

    @Test
    void aKeyWithANullIsNone() {
        SinkRecord orphan = Events.record(ORDERS, 0, "{\"op\":\"c\",\"after\":{\"id\":null}}");
        Batch batch = collector.collect(List.of(orphan));
        assertThat(batch.hasWork()).isFalse();
        assertThat(batch.faultsOf(orphan)).isEmpty();
    }

    @Test
    void transactionsAreKeptOnce() {
        Batch batch = collector.collect(List.of(
                Events.record(ORDERS, 0, "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"txId\":5}}"),
                Events.record(ORDERS, 1, "{\"op\":\"c\",\"after\":{\"id\":2},\"source\":{\"txId\":5}}")));
        assertThat(batch.invisible()).containsExactly(5L);
    }

    @Test
    void whatCannotBeUsedIsToldAndTheRestGoesOn() {
        SinkRecord keyless = Events.record(ORDERS, 1, "{\"op\":\"c\",\"after\":{\"name\":\"x\"}}");
        SinkRecord stray = Events.record("elsewhere", 2, "{\"op\":\"c\",\"after\":{\"id\":1}}");
        SinkRecord good = Events.record(ORDERS, 3, "{\"op\":\"c\",\"after\":{\"id\":9}}");
        SinkRecord tombstone = Events.record(ORDERS, 4, null);

        Batch batch = collector.collect(List.of(keyless, stray, good, tombstone));

        assertThat(batch.direct()).containsOnlyKeys(root("9"));
        assertThat(reason(batch, keyless))
                .isEqualTo("Pipeline orders cannot use the record at shop.public.orders-0@1: route root: it has no "
                        + "column id; the source connector must capture the columns that lead to roots.");
        assertThat(reason(batch, stray)).contains("no route reads its topic");
        assertThat(batch.faultsOf(good)).isEmpty();
        assertThat(batch.faultsOf(tombstone)).isEmpty();
        assertThat(batch.isTruncated()).isFalse();
    }

    @Test
    void aTruncateConcernsEveryRootOnceItsTransactionIsVisible() {
        SinkRecord truncate = Events.record(ORDERS, 0, "{\"op\":\"t\",\"source\":{\"txId\":5}}");

        Batch batch = collector.collect(List.of(truncate));

        assertThat(batch.isTruncated()).isTrue();
        assertThat(batch.hasWork()).isTrue();
        assertThat(batch.invisible()).containsExactly(5L);
        assertThat(batch.faultsOf(truncate)).isEmpty();
        assertThat(metrics.get(Metric.TRUNCATES)).isEqualTo(1);
    }

    @Test
    void aBatchKnowsItsRecordsWhenTheyComeAgain() {
        SinkRecord one = Events.record(ORDERS, 0, null);
        SinkRecord two = Events.record(ORDERS, 1, null);
        Batch batch = new Batch(List.of(one, two));
        assertThat(batch.consistsOf(List.of(one, two))).isTrue();
        assertThat(batch.consistsOf(List.of(one))).isFalse();
        assertThat(batch.consistsOf(List.of(one, Events.record(ORDERS, 2, null))))
                .isFalse();
    }

    private static SinkRecord item(long offset, String itemId) {
        return Events.record(ITEMS, offset, "{\"op\":\"c\",\"after\":{\"item_id\": " + itemId + "}}");
    }

    private static RootKey root(String key) {
        return new RootKey(List.of(key));
    }

    private static String reason(Batch batch, SinkRecord record) {
        assertThat(batch.faultsOf(record)).hasSize(1);
        return batch.faultsOf(record).get(0).getMessage();
    }
}
