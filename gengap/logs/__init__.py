"""What a run says: lines and progress bars, metrics.jsonl, loggers, and cells of notebooks."""
