"""What changed between two evaluations: numbers by feature and slice, and object by object."""
