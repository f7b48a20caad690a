"""The sample shop: a database, its traffic, and the run that shows pg2es at work."""
