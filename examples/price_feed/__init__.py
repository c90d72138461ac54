"""A program that exports price files from AWS Data Exchange: the code under test of these examples."""
