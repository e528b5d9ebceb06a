"""Client of model runs, on the platform or on a local server: what is computed here is sent there."""
