"""What commands say of the arguments that they share."""

from wire.rundir import run_dir_of


def run_dir_help(what: str) -> str:
    """Return the help of `--run-dir`, which says where it is when nobody does."""
    where = str(run_dir_of(None)).replace("%", "%%")  # argparse fills in what follows a %
    return f"{what} (default: {where})"
