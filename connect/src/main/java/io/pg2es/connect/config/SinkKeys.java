package io.pg2es.connect.config;

import static org.apache.kafka.common.config.ConfigDef.Importance.HIGH;
import static org.apache.kafka.common.config.ConfigDef.Importance.LOW;
import static org.apache.kafka.common.config.ConfigDef.Importance.MEDIUM;
import static org.apache.kafka.common.config.ConfigDef.NO_DEFAULT_VALUE;

import java.util.List;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigDef.Width;

/** The options of the sink: their names, types, defaults, limits and documentation. */
// Type is ConfigDef's wherever it stands here, and Kafka's own connectors name it so.
@SuppressWarnings("BadImport")
public final class SinkKeys {
    static final String PIPELINE = "pipeline";
    static final String POSTGRES_URL = "postgres.url";
    static final String POSTGRES_USER = "postgres.user";
    static final String POSTGRES_PASSWORD = "postgres.password";
    static final String ELASTICSEARCH_URLS = "elasticsearch.urls";
    static final String ELASTICSEARCH_USER = "elasticsearch.user";
    static final String ELASTICSEARCH_PASSWORD = "elasticsearch.password";
    static final String ELASTICSEARCH_API_KEY = "elasticsearch.api.key";
    static final String ELASTICSEARCH_TOKEN = "elasticsearch.token";
    public static final String ELASTICSEARCH_CA_CERTIFICATE = "elasticsearch.ca.certificate";
    public static final String ELASTICSEARCH_CLIENT_CERTIFICATE = "elasticsearch.client.certificate";
    static final String INDEX = "index";
    static final String KEY_COLUMNS = "key.columns";
    public static final String SQL_SESSION = "sql.session";
    public static final String SQL_IDENTITY = "sql.identity";
    public static final String SQL_FENCE = "sql.fence";
    public static final String SQL_VISIBLE = "sql.visible";
    public static final String SQL_TRANSACTION_STATUS = "sql.transaction.status";
    public static final String SQL_VERSION = "sql.version";
    public static final String SQL_DOCUMENTS = "sql.documents";
    public static final String SQL_FLUSH = "sql.flush";
    public static final String SQL_ROOTS = "sql.roots";
    public static final String SQL_ROOTLESS = "sql.rootless";
    static final String ROUTES = "routes";
    static final String REFRESH_TOPIC = "refresh.topic";
    static final String REFRESH_LATER_TOPIC = "refresh.later.topic";
    static final String REFRESH_LATER_DELAY_MS = "refresh.later.delay.ms";
    static final String REFRESH_PAGE_ROOTS = "refresh.page.roots";
    static final String REFRESH_SPREAD_ROOTS = "refresh.spread.roots";
    /** What follows it is a setting of Kafka's producer. */
    public static final String KAFKA_PREFIX = "kafka.";

    static final String KAFKA_BOOTSTRAP_SERVERS = KAFKA_PREFIX + "bootstrap.servers";
    static final String BATCH_ROOTS = "batch.roots";
    static final String BULK_MAX_BYTES = "bulk.max.bytes";
    /** Fewer than the connections that the client opens to one node, so that none waits unsent. */
    static final String BULK_FLIGHTS = "bulk.flights";

    public static final String DOCUMENT_MAX_BYTES = "document.max.bytes";
    static final String BULK_TIMEOUT_MS = "bulk.timeout.ms";
    static final String REQUEST_TIMEOUT_MS = "request.timeout.ms";
    public static final String DEADLINE_MS = "deadline.ms";
    static final String VISIBILITY_PATIENCE_MS = "visibility.patience.ms";
    static final String RETRY_INITIAL_MS = "retry.initial.ms";
    static final String RETRY_MAX_MS = "retry.max.ms";

    static final String ROUTE_PREFIX = "route.";
    static final String ROUTE_TOPIC = "topic";
    static final String ROUTE_COLUMNS = "columns";
    public static final String ROUTE_SQL = "sql";

    public static final ConfigDef CONFIG_DEF = options();
    /** The options of one route, without the prefix {@code route.<name>.} */
    public static final ConfigDef ROUTE_CONFIG_DEF = routeOptions();

    private SinkKeys() {}

    /** The key of a route's option in the connector's config. */
    public static String route(String name, String option) {
        return ROUTE_PREFIX + name + "." + option;
    }

    private static ConfigDef options() {
        Definition options = new Definition();

        options.group("Pipeline")
                .required(
                        PIPELINE, Type.STRING, Validators.TEXT, "Name of the pipeline, for messages, logs and metrics.")
                .required(
                        INDEX,
                        Type.STRING,
                        Validators.INDEX,
                        "The generation's index, never an alias. It must have been made by pg2es: the sink reads epoch, "
                                + "start fence and the database's identity from its mapping `_meta`, and never creates it.")
                .required(
                        KEY_COLUMNS,
                        Type.LIST,
                        Validators.NAMES,
                        "Columns of the root table's key, in key order; in a name `%2C` stands for a comma, `%20` for a blank, `%25` "
                                + "for a percent sign. K stands for their number below.");

        options.group("PostgreSQL")
                .required(
                        POSTGRES_URL,
                        Type.STRING,
                        Validators.JDBC_URL,
                        "JDBC URL of the primary, such as `jdbc:postgresql://db:5432/shop`. A standby is waited out, never "
                                + "read.")
                .required(POSTGRES_USER, Type.STRING, Validators.TEXT, "User who may read the tables of the pipeline.")
                .optional(POSTGRES_PASSWORD, Type.PASSWORD, "", null, HIGH, "Its password.");

        options.group("Elasticsearch")
                .required(
                        ELASTICSEARCH_URLS,
                        Type.LIST,
                        Validators.HTTP_URLS,
                        "URLs of the nodes, such as `https://es-1:9200,https://es-2:9200`.")
                .optional(
                        ELASTICSEARCH_USER,
                        Type.STRING,
                        "",
                        null,
                        HIGH,
                        "User with the privileges `read`, `index`, `delete`, `maintenance` and `view_index_metadata` on the "
                                + "index, and without "
                                + "`create_index` and `auto_configure`: so a dropped index can never come back by a late "
                                + "write.")
                .optional(ELASTICSEARCH_PASSWORD, Type.PASSWORD, "", null, HIGH, "Its password.")
                .optional(
                        ELASTICSEARCH_API_KEY, Type.PASSWORD, "", null, HIGH, "An encoded API key, instead of a user.")
                .optional(
                        ELASTICSEARCH_TOKEN,
                        Type.PASSWORD,
                        "",
                        null,
                        HIGH,
                        "A bearer token, such as a service account's, instead of a user.")
                .optional(
                        ELASTICSEARCH_CA_CERTIFICATE,
                        Type.STRING,
                        "",
                        Validators.READABLE_FILE,
                        MEDIUM,
                        "PEM file with the certificates to trust. Without it: those that Java trusts.")
                .optional(
                        ELASTICSEARCH_CLIENT_CERTIFICATE,
                        Type.STRING,
                        "",
                        Validators.READABLE_FILE,
                        MEDIUM,
                        "PEM file with the certificate that Elasticsearch, or a proxy before it, asks for, and its key.");

        options.group("SQL")
                .required(SQL_SESSION, Type.STRING, Validators.TEXT, "`SET` statements for every new session.")
                .required(
                        SQL_IDENTITY,
                        Type.STRING,
                        Validators.TEXT,
                        "One row: system identifier (text), timeline (int), in recovery (bool).")
                .required(SQL_FENCE, Type.STRING, Validators.TEXT, "`$1` text, the fence → one bool: passed?")
                .required(
                        SQL_VISIBLE,
                        Type.STRING,
                        Validators.TEXT,
                        "`$1` bigint[], low 32 bits of transaction ids → one bool: can all be seen?")
                .required(
                        SQL_TRANSACTION_STATUS,
                        Type.STRING,
                        Validators.TEXT,
                        "`$1` bigint, low 32 bits of a transaction id → one text: `in progress`, `committed`, `aborted` or "
                                + "NULL; SQLSTATE 22023 when the id is in the future.")
                .required(SQL_VERSION, Type.STRING, Validators.TEXT, "→ one bigint: an LSN that nobody else gets.")
                .required(
                        SQL_DOCUMENTS,
                        Type.STRING,
                        Validators.TEXT,
                        "`$1`…`$K` text[], key columns as parallel arrays, and as bigints `$K+1` the version, `$K+2` how many "
                                + "bytes a document may have, `$K+3` after how many no further one is returned → one row "
                                + "for each root: id, action line, source line, its bytes, places in the arrays. Without a "
                                + "source line: a delete, when there are no bytes; else too large, or it did not fit.")
                .required(
                        SQL_FLUSH,
                        Type.STRING,
                        Validators.TEXT,
                        "Statements between the read and COMMIT that make the version's place in the WAL durable.")
                .required(SQL_ROOTS, Type.STRING, Validators.TEXT, "→ rows of K texts: the keys of all roots.")
                .required(
                        SQL_ROOTLESS,
                        Type.STRING,
                        Validators.TEXT,
                        "`$1`…`$K` text[], keys as parallel arrays → rows of K texts: those that no root has; an SQLSTATE of "
                                + "class 22 when one of them can be no key.");

        options.group("Routes")
                .required(
                        ROUTES,
                        Type.LIST,
                        Validators.NAMES,
                        "Names of the routes from a topic's changed rows to roots. Every topic of `topics` needs one at "
                                + "least, but for the two refresh topics.");

        options.group("Refresh topics")
                .required(
                        REFRESH_TOPIC,
                        Type.STRING,
                        Validators.TEXT,
                        "Topic of requests to refresh roots: written by the sink for changes that lead to many roots, and by "
                                + "any other program. It is listed in `topics`.")
                .required(
                        REFRESH_LATER_TOPIC,
                        Type.STRING,
                        Validators.TEXT,
                        "Topic of the roots whose documents were deleted, for their second refresh. It is listed in `topics`.")
                .tuning(
                        REFRESH_LATER_DELAY_MS,
                        Type.LONG,
                        3_600_000L,
                        1_000,
                        86_400_000,
                        "How long after the delete that is. It must be more than `deadline.ms`, by the time that a request on "
                                + "its way to Elasticsearch may take.")
                .tuning(
                        REFRESH_PAGE_ROOTS,
                        Type.INT,
                        500,
                        1,
                        10_000,
                        "Roots in one record that the sink writes, and roots refreshed between two looks for changes.")
                .tuning(
                        REFRESH_SPREAD_ROOTS,
                        Type.INT,
                        5_000,
                        1,
                        1_000_000,
                        "A route whose changed rows lead to more roots is spread: the roots go to the refresh topic.")
                .required(
                        KAFKA_BOOTSTRAP_SERVERS,
                        Type.STRING,
                        Validators.TEXT,
                        "Kafka, where the refresh topics are. Any other setting of Kafka's producer may be given the same way, "
                                + "such as `kafka.security.protocol`.");

        options.group("Tuning")
                .tuning(BATCH_ROOTS, Type.INT, 500, 1, 100_000, "Roots read by one statement, at most.")
                .tuning(
                        BULK_MAX_BYTES,
                        Type.INT,
                        8 * 1024 * 1024,
                        1024,
                        1024 * 1024 * 1024,
                        "Size of one bulk request. A larger document travels alone.")
                .tuning(BULK_FLIGHTS, Type.INT, 1, 1, 8, "Bulk requests on their way while the next roots are read.")
                .tuning(
                        DOCUMENT_MAX_BYTES,
                        Type.INT,
                        50 * 1024 * 1024,
                        1,
                        1024 * 1024 * 1024,
                        "The records that lead to a larger document become dead-letter records.")
                .tuning(
                        BULK_TIMEOUT_MS,
                        Type.LONG,
                        5_000L,
                        100,
                        60_000,
                        "How long Elasticsearch may hold a bulk request while a shard is away.")
                .tuning(
                        REQUEST_TIMEOUT_MS,
                        Type.LONG,
                        30_000L,
                        100,
                        120_000,
                        "How long the sink waits for an answer of Elasticsearch.")
                .tuning(
                        DEADLINE_MS,
                        Type.LONG,
                        600_000L,
                        1_000,
                        86_400_000,
                        "A write not acknowledged this long after its version was taken is read again. "
                                + "`index.gc_deletes` must be much longer.")
                .tuning(
                        VISIBILITY_PATIENCE_MS,
                        Type.LONG,
                        5_000L,
                        0,
                        60_000,
                        "After waiting this long for a transaction to become visible, ask PostgreSQL what became of it.")
                .tuning(RETRY_INITIAL_MS, Type.LONG, 200L, 1, 60_000, "First pause after a passing failure.")
                .tuning(RETRY_MAX_MS, Type.LONG, 10_000L, 1, 600_000, "Longest pause; pauses double up to it.");
        return options.done();
    }

    private static ConfigDef routeOptions() {
        return new Definition()
                .group("Routes")
                .required(ROUTE_TOPIC, Type.STRING, Validators.TEXT, "Topic of the change events.")
                .required(
                        ROUTE_COLUMNS,
                        Type.LIST,
                        Validators.NAMES,
                        "Columns of the changed row. They are taken from `before` and from `after`; without SQL a row with "
                                + "a NULL in one of them leads to no root.")
                .optional(
                        ROUTE_SQL,
                        Type.STRING,
                        "",
                        null,
                        MEDIUM,
                        "`$1`… text[], the columns as parallel arrays → rows of K texts: keys of the roots. Without it the "
                                + "columns are the root's key, in key order.")
                .done();
    }

    /** Builds a ConfigDef group by group, in the order in which the options are given. */
    private static final class Definition {
        private final ConfigDef definition = new ConfigDef();
        private String group;
        private int order;

        Definition group(String name) {
            group = name;
            order = 0;
            return this;
        }

        Definition required(String key, Type type, Validator validator, String doc) {
            return define(key, type, NO_DEFAULT_VALUE, validator, HIGH, doc);
        }

        Definition optional(
                String key, Type type, Object value, Validator validator, Importance importance, String doc) {
            return define(key, type, value, validator, importance, doc);
        }

        Definition tuning(String key, Type type, Number value, long least, long most, String doc) {
            return define(key, type, value, Validators.between(least, most), LOW, doc);
        }

        private Definition define(
                String key, Type type, Object value, Validator validator, Importance importance, String doc) {
            definition.define(key, type, value, validator, importance, doc, group, ++order, Width.LONG, key, List.of());
            return this;
        }

        ConfigDef done() {
            return definition;
        }
    }
}
