package io.pg2es.connect.elasticsearch;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;
import org.apache.kafka.connect.errors.ConnectException;

/** TLS that trusts the certificates of one PEM file and no others, and shows the certificate of another. */
final class Tls {
    private Tls() {}

    /** Returns it as far as there is such a file; else Java's own is right. */
    static Optional<SSLContext> of(SinkConfig config) {
        Map<String, String> settings = new HashMap<>();
        config.elasticsearchCaCertificate().ifPresent(file -> {
            settings.put(SslConfigs.SSL_TRUSTSTORE_TYPE_CONFIG, DefaultSslEngineFactory.PEM_TYPE);
            settings.put(SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG, file);
        });
        config.elasticsearchClientCertificate().ifPresent(file -> {
            settings.put(SslConfigs.SSL_KEYSTORE_TYPE_CONFIG, DefaultSslEngineFactory.PEM_TYPE);
            settings.put(SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG, file);
        });
        if (settings.isEmpty()) {
            return Optional.empty();
        }
        ConfigDef options = new ConfigDef();
        SslConfigs.addClientSslSupport(options);
        try (DefaultSslEngineFactory files = new DefaultSslEngineFactory()) {
            files.configure(options.parse(settings));
            return Optional.of(files.sslContext());
        } catch (KafkaException e) {
            throw new ConnectException(
                    String.format(
                            "TLS to Elasticsearch cannot be set up: %s. Give PEM files: the CA's certificate in %s, a "
                                    + "certificate with its key in %s.",
                            e.getMessage(),
                            SinkKeys.ELASTICSEARCH_CA_CERTIFICATE,
                            SinkKeys.ELASTICSEARCH_CLIENT_CERTIFICATE),
                    e);
        }
    }
}
