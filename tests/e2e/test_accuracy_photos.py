"""`fettle evaluate` gives the accuracy that ONNX Runtime gives, on photographs: they are read with numpy and Pillow, and
the test is skipped without these."""

import command
import datasets
import test_accuracy

if __name__ == "__main__":
    command.finish(test_accuracy.problems_of(datasets.PHOTO_NETWORKS))
