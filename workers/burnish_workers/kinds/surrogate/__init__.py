"""Kind `surrogate`: a learned PDE solution corrected at chosen points by simulation of the equation its error obeys."""
