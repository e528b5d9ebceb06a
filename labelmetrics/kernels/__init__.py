"""The computation: arrays in, arrays out; no pydantic and no files on this floor."""
