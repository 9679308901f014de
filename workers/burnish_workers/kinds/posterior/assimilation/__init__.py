"""Data assimilation: particle and ensemble filters on independent islands. `setting`, `statistics` are torch-free."""
