#!/bin/sh
# Creates the users of pg2es, or sets their passwords anew. Their roles come from stack/files/elasticsearch-roles.yml.
set -eu

put_user() {
    curl --fail --silent --show-error --user "elastic:$ELASTIC_PASSWORD" --header 'Content-Type: application/json' \
        --request PUT "http://elasticsearch:9200/_security/user/$1" --data "{\"password\": \"$2\", \"roles\": [\"$1\"]}"
}

put_user pg2es "$PG2ES_ELASTICSEARCH_PASSWORD"
put_user pg2es_sink "$PG2ES_ELASTICSEARCH_SINK_PASSWORD"
