"""The quality gate: whether an evaluation is good enough, by checks that are written down."""
