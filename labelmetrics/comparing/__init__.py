"""Two runs beside each other: their numbers by data row, slices of those, and what chance may do to a change."""
