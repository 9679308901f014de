"""The engine: the life of jobs, over four ports (Fleet, Store, Artifacts, Clock), with no HTTP and no mathematics."""
