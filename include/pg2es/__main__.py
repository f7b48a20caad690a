"""`python -m pg2es` is the command `pg2es`."""

from pg2es.cli.main import main

main()
