"""Benchmarks: what models answered, what came of it, and the numbers and tables that say so."""
