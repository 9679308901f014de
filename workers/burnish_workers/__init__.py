"""Workers of burnish: the statistics, the kinds of job and the engine that runs them."""
