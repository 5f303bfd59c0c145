"""Look for a secret in processes and files; standard library only, Linux only."""
