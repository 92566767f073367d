"""As test_round_trip.py, of a network for photographs. Skipped without Pillow, too."""

import command
import datasets
import test_round_trip

if __name__ == "__main__":
    command.run_networks(datasets.PHOTO_NETWORKS, test_round_trip.problems_of)
