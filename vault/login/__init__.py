"""Logging in to a database server for somebody else."""
