"""Runs statements on connections that somebody else logged in; holds no secret."""
