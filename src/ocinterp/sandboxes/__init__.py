"""Isolated sessions in which model-written code runs."""
