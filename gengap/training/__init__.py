"""Training: the step, its compiled program, the loop around it, and the folder of a run."""
