package io.pg2es.connect;

import io.pg2es.connect.config.ConfigChecks;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/** Keeps one generation of a pipeline's index equal to the document SQL, driven by Debezium's change events. */
public final class ElasticsearchSinkConnector extends SinkConnector {
    private Map<String, String> properties;

    @Override
    public String version() {
        return Version.TEXT;
    }

    @Override
    public ConfigDef config() {
        return SinkKeys.CONFIG_DEF;
    }

    /** Adds to Kafka's checks of single options those that need several. */
    @Override
    public Config validate(Map<String, String> connectorConfigs) {
        Map<String, ConfigValue> values = new LinkedHashMap<>();
        super.validate(connectorConfigs).configValues().forEach(value -> values.put(value.name(), value));
        for (ConfigChecks.Problem problem : ConfigChecks.problems(connectorConfigs)) {
            values.computeIfAbsent(problem.key(), key -> {
                        ConfigValue value = new ConfigValue(key);
                        value.value(connectorConfigs.get(key));
                        return value;
                    })
                    .addErrorMessage(problem.message());
        }
        return new Config(new ArrayList<>(values.values()));
    }

    @Override
    public void start(Map<String, String> props) {
        new SinkConfig(props);
        properties = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return ElasticsearchSinkTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        List<Map<String, String>> configs = new ArrayList<>();
        for (int task = 0; task < maxTasks; task++) {
            Map<String, String> config = new HashMap<>(properties);
            config.put(ElasticsearchSinkTask.TASK_NUMBER, Integer.toString(task));
            configs.add(config);
        }
        return configs;
    }

    @Override
    public void stop() {
        // The tasks hold everything that is open.
    }
}
