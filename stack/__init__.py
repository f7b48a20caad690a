"""The embedded stack: real servers from package registries, started without a container engine.

- config: ports, memory, folders, generated passwords, the PG2ES_* environment
- identity: the unprivileged user that the servers run as
- ports: who holds a port
- processes: start, find and end processes, by pid and start time
- services: one module for each kind of server
- launcher: up, down, start, kill over the dependency graph
- cli: `python -m stack`
"""
