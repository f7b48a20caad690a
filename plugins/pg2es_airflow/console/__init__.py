"""The console: a read-only API over the services, and the page that shows it."""
