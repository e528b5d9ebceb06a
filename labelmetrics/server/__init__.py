"""The local server of model runs."""
