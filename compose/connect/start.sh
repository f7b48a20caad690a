#!/bin/sh
# Writes what depends on the container, and becomes a distributed worker.
set -eu
umask 077
cd "$(mktemp -d)"

printf '%s=%s\n' "$PG2ES_CONNECT_USER" "$PG2ES_CONNECT_PASSWORD" >rest.credentials

cat >jaas.conf <<END
KafkaConnect {
  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="$PWD/rest.credentials";
};
END

cat /opt/pg2es/connect-worker.properties /opt/pg2es/connect-distributed.properties - >worker.properties <<END
bootstrap.servers=$PG2ES_KAFKA_BOOTSTRAP
plugin.path=/opt/pg2es/plugins
listeners=http://0.0.0.0:8083
rest.advertised.host.name=$HOSTNAME
rest.advertised.port=8083
END

# Prometheus scrapes the worker's MBeans at port 9404, which is not published.
agent="-javaagent:/opt/pg2es/jmx_prometheus_javaagent.jar=9404:/opt/pg2es/jmx-exporter.yml"
export KAFKA_OPTS="$agent -Djava.security.auth.login.config=$PWD/jaas.conf"
exec /opt/kafka/bin/connect-distributed.sh worker.properties
