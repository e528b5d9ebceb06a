"""The report: an evaluation as one page that people open in a browser, without a network."""
