package io.pg2es.connect;

import java.util.Optional;

/** The plugin's version, as the jar's manifest has it. */
final class Version {
    static final String TEXT = Optional.ofNullable(Version.class.getPackage().getImplementationVersion())
            .orElse("0-unpackaged");

    private Version() {}
}
