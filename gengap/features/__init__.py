"""Networks that turn images into features, and the files of their weights."""
