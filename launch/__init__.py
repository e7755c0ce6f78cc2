"""Starts many runs or many processes: sweeps, several processes on one machine, Slurm, Cloud TPU."""
