"""Every SQL statement of pg2es, as text with PostgreSQL's own `$1` placeholders.

Python runs these texts itself, and hands those that the sink needs to it inside the connector's configuration.
"""
