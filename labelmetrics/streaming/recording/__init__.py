"""Metrics over the epochs of a training: recorded, kept in files, shown and plotted."""
