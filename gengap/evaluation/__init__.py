"""Evaluation of images and runs: metrics with floors and protocols, and diagnostics of autoencoders."""
