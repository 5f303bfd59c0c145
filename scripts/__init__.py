"""What is run from a checkout: launch.py starts Strongroom, check runs every test."""
