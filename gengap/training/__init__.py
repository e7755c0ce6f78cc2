"""Training: the step, its program, the loop around it, and the folder of a run."""
