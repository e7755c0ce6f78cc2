"""Several processes of one run, and the launchers that start them."""
