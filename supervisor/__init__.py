"""Starts the other processes and keeps them alive; holds no secret."""
