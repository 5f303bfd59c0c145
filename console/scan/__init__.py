"""Look for a secret in processes and files; Linux only."""
