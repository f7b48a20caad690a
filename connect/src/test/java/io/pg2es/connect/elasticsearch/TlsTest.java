package io.pg2es.connect.elasticsearch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.TestConfig;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsTest {
    private static final byte[] BODY = "{\"index\":{\"_id\":\"1\"}}\n{}\n".getBytes(StandardCharsets.UTF_8);
    private static final String PASSWORD = "changeit";

    @TempDir
    private Path folder;

    private Path keyStore;
    private Path certificate;

    private void makeCertificate(String address) throws Exception {
        keyStore = folder.resolve("server.p12");
        certificate = folder.resolve("ca.pem");
        keytool("-genkeypair", "-keyalg", "EC", "-dname", "CN=server", "-ext", "san=ip:" + address);
        keytool("-exportcert", "-rfc", "-file", certificate.toString());
    }

    @Test
    void aServerIsTrustedByItsCertificate() throws Exception {
        makeCertificate("127.0.0.1");
        try (FakeElasticsearch server = new FakeElasticsearch(serverContext());
                ElasticsearchClient client = new ElasticsearchClient(TestConfig.config(
                        "elasticsearch.urls", server.url(), "elasticsearch.ca.certificate", certificate.toString()))) {
            assertThat(client.awaitBulk(client.sendBulk(BODY), 1)).hasSize(1);
        }
    }

    @Test
    void aCertificateOfAnotherHostFailsTheTask() throws Exception {
        makeCertificate("127.0.0.2");
        try (FakeElasticsearch server = new FakeElasticsearch(serverContext());
                ElasticsearchClient client = new ElasticsearchClient(TestConfig.config(
                        "elasticsearch.urls", server.url(), "elasticsearch.ca.certificate", certificate.toString()))) {
            assertThatThrownBy(() -> client.awaitBulk(client.sendBulk(BODY), 1)).isInstanceOf(ConnectException.class);
        }
    }

    @Test
    void anUnknownServerFailsTheTask() throws Exception {
        makeCertificate("127.0.0.1");
        try (FakeElasticsearch server = new FakeElasticsearch(serverContext());
                ElasticsearchClient client =
                        new ElasticsearchClient(TestConfig.config("elasticsearch.urls", server.url()))) {
            assertThatThrownBy(() -> client.awaitBulk(client.sendBulk(BODY), 1))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("elasticsearch.ca.certificate");
        }
    }

    @Test
    void aFileWithoutACertificateIsRefused() throws Exception {
        Path empty = Files.createFile(folder.resolve("empty.pem"));
        for (String option : List.of("elasticsearch.ca.certificate", "elasticsearch.client.certificate")) {
            assertThatThrownBy(() -> new ElasticsearchClient(TestConfig.config(option, empty.toString())))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("empty.pem")
                    .hasMessageContaining(option);
        }
    }

    private SSLContext serverContext() throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(keyStore)) {
            keys.load(file, PASSWORD.toCharArray());
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return context;
    }

    private void keytool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of(
                "-alias", "server", "-keystore", keyStore.toString(), "-storetype", "PKCS12", "-storepass", PASSWORD));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(process.waitFor()).isZero();
    }
}
