"""labelmetrics: metrics for models evaluated on labelled data."""

__version__ = "0.1.0"
