"""Command lines: flags, config files and their help, error lines and exit statuses."""
