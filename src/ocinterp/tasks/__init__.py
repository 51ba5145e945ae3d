"""Benchmarks: which there are (catalogue), how their files are read (formats), and where they are kept (store)."""
