package io.pg2es.connect.elasticsearch;

import io.pg2es.connect.config.SinkKeys;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.kafka.connect.errors.ConnectException;

/** TLS that trusts the certificates of a PEM file and no others. */
final class TrustedCertificates {
    private TrustedCertificates() {}

    static SSLContext read(String pemFile) {
        try (InputStream pem = Files.newInputStream(Path.of(pemFile))) {
            Collection<? extends Certificate> certificates =
                    CertificateFactory.getInstance("X.509").generateCertificates(pem);
            if (certificates.isEmpty()) {
                throw new ConnectException(
                        pemFile + " holds no certificate. Give a PEM file with the CA's certificate in "
                                + SinkKeys.ELASTICSEARCH_CA_CERTIFICATE + ".");
            }
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            for (Certificate certificate : certificates) {
                trusted.setCertificateEntry("ca-" + trusted.size(), certificate);
            }
            TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException e) {
            throw new ConnectException(
                    String.format("%s %s cannot be used: %s", SinkKeys.ELASTICSEARCH_CA_CERTIFICATE, pemFile, e), e);
        }
    }
}
