"""The command line: `pg2es …`."""
