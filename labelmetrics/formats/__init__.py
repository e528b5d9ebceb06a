"""The edge of the files: every convention of a file format ends here."""
