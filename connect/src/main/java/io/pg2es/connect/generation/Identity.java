package io.pg2es.connect.generation;

/**
 * Which database a session talks to.
 *
 * @param systemIdentifier PostgreSQL's own identifier of the cluster, from initdb
 * @param timeline its timeline; a promotion raises it
 * @param inRecovery whether it is a standby
 */
public record Identity(String systemIdentifier, int timeline, boolean inRecovery) {}
