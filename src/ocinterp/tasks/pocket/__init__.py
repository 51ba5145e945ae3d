"""Pocket tasks: small functions on lists, texts, numbers, words and tables, put together from operations in words.

They are what the built-in model is trained and measured on. Everything here is a pure function of a seed.
"""
