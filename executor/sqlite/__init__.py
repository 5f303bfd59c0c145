"""SQLite files, run by a process that has no other connection to anything but the router."""
