"""Drivers take over an authenticated socket."""
